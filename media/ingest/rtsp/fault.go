package rtsp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// Words is one sentence in both languages.
type Words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Fault is why a camera cannot be used: what is, and what to do.
type Fault struct {
	Code   string `json:"code"` // kebab-case and stable
	Text   Words  `json:"text"`
	Cure   Words  `json:"cure"`
	Detail string `json:"detail,omitempty"` // for the telephone, in English; nothing secret
}

func (f *Fault) Error() string {
	if f.Detail != "" {
		return fmt.Sprintf("%s: %s (%s)", f.Code, f.Text.EN, f.Detail)
	}
	return f.Code + ": " + f.Text.EN
}

// The codes of faults.
const (
	Unreachable   = "camera-unreachable"
	NoPassword    = "camera-password" // #nosec G101 -- the name of a fault
	NoPath        = "camera-path"
	Busy          = "camera-busy"
	NoTransport   = "camera-transport"
	Certificate   = "camera-certificate"
	NotUnderstood = "camera-not-understood"
	NoVideo       = "camera-no-video"
	HEVC          = "camera-h265"
	MJPEG         = "camera-mjpeg"
	OtherCodec    = "camera-codec"
	BFrames       = "camera-b-frames"
	Silent        = "camera-silent"
	NoKeyframe    = "camera-no-keyframe"
	LessonCodec   = "camera-lesson-codec"
	Elsewhere     = "camera-elsewhere"
)

// faults are the sentences: at most 16 characters each in Chinese.
var faults = map[string][2]Words{
	Unreachable:   {{"摄像头连不上", "The camera does not answer"}, {"看电源、网线和地址", "Look at its power, its cable and the address"}},
	NoPassword:    {{"摄像头不认用户名或密码", "The camera refuses user or password"}, {"填摄像头自己的用户名和密码", "Write the user and password of the camera itself"}},
	NoPath:        {{"摄像头上没有这路画面", "The camera has no such stream"}, {"照说明书改地址后半段", "Correct the end of the address as its manual says"}},
	Busy:          {{"摄像头连接数满了", "The camera serves too many already"}, {"关掉别的录像机或软件", "Close a recorder or program that watches it"}},
	NoTransport:   {{"摄像头不肯这样传画面", "The camera refuses this transport"}, {"传输方式改成自动", "Set transport to auto"}},
	Certificate:   {{"摄像头的证书不认识", "The camera's certificate is not known"}, {"核对指纹后填进去", "Compare the fingerprint and write it down here"}},
	NotUnderstood: {{"看不懂摄像头的回答", "The camera's answer makes no sense"}, {"看地址和端口对不对", "See whether address and port are right"}},
	NoVideo:       {{"摄像头没有给画面", "The camera offers no picture"}, {"看地址是不是视频的", "See whether the address is the video's"}},
	HEVC:          {{"摄像头在用 H.265", "The camera sends H.265"}, {"请在摄像头网页里改成 H.264", "Change it to H.264 on the camera's own page"}},
	MJPEG:         {{"摄像头在用 MJPEG", "The camera sends MJPEG"}, {"请在摄像头网页里改成 H.264", "Change it to H.264 on the camera's own page"}},
	OtherCodec:    {{"摄像头的编码用不了", "The camera's encoding cannot be used"}, {"请在摄像头网页里改成 H.264", "Change it to H.264 on the camera's own page"}},
	BFrames:       {{"摄像头开了 B 帧", "The camera sends B-frames"}, {"请在摄像头网页里关闭 B 帧", "Turn B-frames off on the camera's own page"}},
	Silent:        {{"摄像头连上了，没有画面", "The camera answers and sends nothing"}, {"给摄像头断电再通电", "Switch the camera off and on"}},
	NoKeyframe:    {{"摄像头一直没有关键帧", "The camera sends no keyframe"}, {"I 帧间隔改成 2 秒", "Set its I-frame interval to 2 seconds"}},
	Elsewhere:     {{"摄像头让我们去别处找它", "The camera sends us elsewhere"}, {"照说明书填它自己的地址", "Write its own address as its manual says"}},
	LessonCodec:   {{"这节课的画面不是 H.264", "This lesson's pictures are not H.264"}, {"老师换用 Chromium 浏览器", "Let the teacher use Chromium"}},
}

// What works and could be better.
var (
	noteRare  = Words{"关键帧太少，I 帧间隔改成 2 秒", "Keyframes are rare: set its I-frame interval to 2 seconds"}
	noteLarge = Words{"画面太大，主码流改成 1080P", "Large pictures: set the main stream to 1080p"}
	noteBasic = Words{"密码没有加密，改成 digest 认证", "The password goes over the net readable: set it to digest"}
	noteSound = Words{"摄像头的声音没有用，请接话筒", "Its sound is not used: connect a microphone"}

	noteNoSound    = Words{"摄像头没有给声音，打开它的音频", "It gives no sound: turn audio on at the camera"}
	noteOtherSound = Words{"声音用不了，音频编码改成 G.711", "Its sound cannot be used: set its audio to G.711"}
)

func fault(code, format string, args ...any) *Fault {
	w := faults[code]
	return &Fault{Code: code, Text: w[0], Cure: w[1], Detail: fmt.Sprintf(format, args...)}
}

// unknownCertificate is a camera's certificate that nobody vouches for.
type unknownCertificate struct{ fingerprint string }

func (e *unknownCertificate) Error() string { return "certificate sha256 " + e.fingerprint }

// explain finds the fault behind an error of a connection. Text that comes from the camera is not repeated.
func explain(err error) *Fault {
	var known *Fault
	var status liberrors.ErrClientBadStatusCode
	var auth liberrors.ErrClientAuthSetup
	var cert *unknownCertificate
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &status):
		return refusal(status.Code)
	case errors.As(err, &auth):
		return fault(NoPassword, "no way of signing in that both know")
	case errors.As(err, &cert):
		return fault(Certificate, "sha256 %s", cert.fingerprint)
	case errors.As(err, &verify), errors.As(err, &authority):
		return fault(Certificate, "not verified")
	case errors.Is(err, liberrors.ErrClientRequestTimedOut{}), errors.Is(err, context.DeadlineExceeded):
		return fault(Unreachable, "no answer in time")
	case errors.Is(err, liberrors.ErrClientUDPTimeout{}), errors.Is(err, liberrors.ErrClientTCPTimeout{}):
		return fault(Silent, "nothing came any more")
	case errors.As(err, &operation):
		return fault(Unreachable, "%s: %v", operation.Op, root(operation.Err))
	case errors.As(err, &network) && network.Timeout():
		return fault(Unreachable, "no answer in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault(Unreachable, "it closed the connection")
	}
	var sdp liberrors.ErrClientSDPInvalid
	if errors.As(err, &sdp) {
		return fault(NotUnderstood, "its description of the stream")
	}
	return fault(NotUnderstood, "%s", strings.TrimPrefix(fmt.Sprintf("%T", err), "liberrors."))
}

// root is the innermost error that says something: below a net.OpError stand names of the system, never of the camera.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// refusal is what an RTSP status means (RFC 2326 §7.1.1).
func refusal(code base.StatusCode) *Fault {
	switch code {
	case base.StatusUnauthorized, base.StatusForbidden, base.StatusProxyAuthRequired:
		return fault(NoPassword, "status %d", code)
	case base.StatusNotFound, base.StatusBadRequest, base.StatusGone, base.StatusMethodNotAllowed, base.StatusNotAcceptable:
		return fault(NoPath, "status %d", code)
	case base.StatusUnsupportedTransport:
		return fault(NoTransport, "status %d", code)
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return fault(Busy, "status %d", code)
	}
	return fault(NotUnderstood, "status %d", code)
}

// stubborn reports whether only a person can put it right, so that asking again soon helps nobody. Cameras lock out who tries wrong
// passwords again and again.
func (f *Fault) stubborn() bool {
	switch f.Code {
	case NoPassword, NoPath, HEVC, MJPEG, OtherCodec, BFrames, NoVideo, Certificate, Elsewhere:
		return true
	}
	return false
}
