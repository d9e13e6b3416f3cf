"""A WHIP publisher and WHEP subscriber made of aiortc, a stack that shares nothing with this house or with browsers.

    /usr/bin/python3 aiortc_client.py publish URL SECONDS
    /usr/bin/python3 aiortc_client.py watch URL SECONDS

Prints one line of JSON with what was sent or received. The bearer token is taken from $TOKEN.
"""

import asyncio
import fractions
import json
import math
import os
import sys
import time
import urllib.parse
import urllib.request

import numpy
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from av import AudioFrame, VideoFrame

WIDTH, HEIGHT = 320, 180  # VP8 in software, in Python, on a shared processor


class Tone(AudioStreamTrack):
    """440 Hz, 20 ms at a time."""

    def __init__(self):
        super().__init__()
        self.position = 0
        self.begun = None

    async def recv(self):
        if self.begun is None:
            self.begun = time.time()
        await asyncio.sleep(max(0, self.begun + self.position / 48000 - time.time()))
        at = numpy.arange(self.position, self.position + 960)
        wave = (8000 * numpy.sin(2 * math.pi * 440 * at / 48000)).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48000
        frame.pts = self.position
        frame.time_base = fractions.Fraction(1, 48000)
        self.position += 960
        return frame


class Bars(VideoStreamTrack):
    """A bar that moves, 15 pictures a second."""

    def __init__(self):
        super().__init__()
        self.count = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        if self.count % 2:  # next_timestamp runs at 30/s
            self.count += 1
            pts, base = await self.next_timestamp()
        picture = numpy.full((HEIGHT, WIDTH, 3), 60, numpy.uint8)
        x = self.count * 2 % WIDTH
        picture[:, x : x + 24] = 220
        self.count += 1
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, base
        return frame


def post(url, sdp):
    request = urllib.request.Request(url, data=sdp.encode(), method="POST", headers={"Content-Type": "application/sdp"})
    if os.environ.get("TOKEN"):
        request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
    with urllib.request.urlopen(request, timeout=10) as answer:
        if answer.status != 201:
            raise RuntimeError(f"status {answer.status}")
        return urllib.parse.urljoin(url, answer.headers["Location"]), answer.read().decode()


def delete(url):
    request = urllib.request.Request(url, method="DELETE")
    if os.environ.get("TOKEN"):
        request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


async def negotiate(pc, url):
    await pc.setLocalDescription(await pc.createOffer())
    resource, answer = await asyncio.to_thread(post, url, pc.localDescription.sdp)
    await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    return resource


def only(transceiver, capabilities, name):
    transceiver.setCodecPreferences([c for c in capabilities.codecs if c.mimeType.lower() in (name, "video/rtx")])


async def publish(url, seconds):
    pc = RTCPeerConnection()
    pc.addTrack(Tone())
    pc.addTrack(Bars())
    for t in pc.getTransceivers():
        t.direction = "sendonly"
        if t.kind == "video":
            only(t, RTCRtpSender.getCapabilities("video"), "video/vp8")
    resource = await negotiate(pc, url)
    await asyncio.sleep(seconds)
    out = {"state": pc.connectionState, "audio": 0, "video": 0}
    for t in pc.getTransceivers():
        for s in (await t.sender.getStats()).values():
            if s.type == "outbound-rtp":
                out[t.kind] = s.packetsSent
    out["deleted"] = await asyncio.to_thread(delete, resource)
    await pc.close()
    return out


async def watch(url, seconds):
    pc = RTCPeerConnection()
    out = {"state": "", "audioFrames": 0, "loudest": 0, "videoFrames": 0, "width": 0, "distinct": 0}
    last = {}

    async def drain(track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "audio":
                    out["audioFrames"] += 1
                    out["loudest"] = max(out["loudest"], int(numpy.abs(frame.to_ndarray()).max()))
                else:
                    out["videoFrames"] += 1
                    out["width"] = frame.width
                    picture = frame.to_ndarray(format="gray")[::8, ::8].tobytes()
                    if last.get("picture") != picture:
                        out["distinct"] += 1
                    last["picture"] = picture
        except MediaStreamError:
            pass

    tasks = []
    pc.on("track", lambda track: tasks.append(asyncio.ensure_future(drain(track))))
    pc.addTransceiver("audio", direction="recvonly")
    video = pc.addTransceiver("video", direction="recvonly")
    if os.environ.get("CODEC"):
        only(video, RTCRtpReceiver.getCapabilities("video"), os.environ["CODEC"])
    resource = await negotiate(pc, url)
    await asyncio.sleep(seconds)
    out["state"] = pc.connectionState
    out["deleted"] = await asyncio.to_thread(delete, resource)
    await pc.close()
    for task in tasks:
        task.cancel()
    return out


if __name__ == "__main__":
    role = {"publish": publish, "watch": watch}[sys.argv[1]]
    print(json.dumps(asyncio.run(role(sys.argv[2], float(sys.argv[3])))))
