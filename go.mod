module tongke

go 1.26.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // latencies of the testbench
	github.com/alecthomas/kong v1.17.0 // command line
	github.com/bluenviron/gortsplib/v5 v5.6.4 // network cameras
	github.com/chromedp/cdproto v0.159.0 // tests only: input as a hand makes it
	github.com/chromedp/chromedp v0.23.0 // tests only: a real browser
	github.com/coreos/go-systemd/v22 v22.7.0 // sd_notify and watchdog
	github.com/gorilla/websocket v1.5.3 // pages and tunnels
	github.com/pelletier/go-toml/v2 v2.4.3 // strict configuration
	github.com/pion/dtls/v3 v3.1.8 // names of SRTP profiles
	github.com/pion/ice/v4 v4.4.2 // the UDP and TCP muxes that we implement
	github.com/pion/interceptor v0.1.48 // transport-wide feedback
	github.com/pion/logging v0.2.4 // pion's logger onto slog
	github.com/pion/rtcp v1.2.17 // RTCP packets
	github.com/pion/rtp v1.10.5 // RTP headers
	github.com/pion/sdp/v3 v3.0.19 // reading offers
	github.com/pion/stun/v4 v4.0.0 // tests only: our reader of user names against pion's
	github.com/pion/transport/v4 v4.1.0 // the list of interfaces, read anew
	github.com/pion/webrtc/v4 v4.2.20 // WebRTC; v4.2.21 and later need a transport/v5 that does not resolve
	github.com/prometheus/client_golang v1.25.0 // /metrics
	github.com/rogpeppe/go-internal v1.16.0 // tests only: commands as scripts
	go.etcd.io/bbolt v1.5.0 // tongke.db
	go.uber.org/goleak v1.3.0 // tests only: goroutines that stay
	golang.org/x/crypto v0.58.0 // argon2id
	golang.org/x/sys v0.49.0 // sendmmsg, packet info
	golang.org/x/term v0.47.0 // is anybody at the terminal
	golang.org/x/text v0.43.0 // GB18030 timetables
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/bluenviron/mediacommon/v2 v2.9.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pion/datachannel v1.6.2 // indirect
	github.com/pion/mdns/v2 v2.2.0 // indirect
	github.com/pion/randutil v0.1.0 // indirect
	github.com/pion/sctp v1.11.1 // indirect
	github.com/pion/srtp/v3 v3.0.13 // indirect
	github.com/pion/turn/v5 v5.1.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/wlynxg/anet v0.0.5 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/time v0.14.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
