#!/usr/bin/python3
"""A network camera for tests, by gst-rtsp-server: camera.py PORT [USER PASSWORD]. It writes "ready PORT" when it listens.

Debian: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)


def picture(width, height, encoder, pattern="smpte"):
    return (
        f"videotestsrc is-live=true pattern={pattern} ! video/x-raw,width={width},height={height},framerate=25/1 ! "
        f"timeoverlay font-desc='Sans 32' ! video/x-raw,format=I420 ! {encoder} "
    )


def h264(width, height, options, pattern="smpte"):
    return picture(width, height, f"x264enc speed-preset=ultrafast key-int-max=50 bitrate=1200 {options} ! video/x-h264,profile=main", pattern) + (
        "! rtph264pay name=pay0 pt=96 config-interval=-1 mtu=1400 "
    )


STREAMS = {
    "/main": h264(1280, 720, "tune=zerolatency"),
    "/sub": h264(320, 180, "tune=zerolatency bitrate=150"),
    "/ball": h264(640, 360, "tune=zerolatency", "ball"),
    "/bframes": h264(640, 360, "bframes=2 b-adapt=false"),
    "/sound": h264(640, 360, "tune=zerolatency") + "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8 ",
    "/ulaw": h264(640, 360, "tune=zerolatency") + "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0 ",
    "/mjpeg": picture(640, 360, "jpegenc") + "! rtpjpegpay name=pay0 pt=26 ",
}

server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory_role = None
if len(sys.argv) > 3:
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(sys.argv[2], sys.argv[3], token)
    server.set_auth(auth)
for path, launch in STREAMS.items():
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch("( " + launch + ")")
    factory.set_shared(True)
    if len(sys.argv) > 3:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(path, factory)
if server.attach(None) == 0:
    sys.exit("cannot listen")
print("ready", server.get_bound_port(), flush=True)
GLib.MainLoop().run()
