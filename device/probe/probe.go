// Package probe reads what a box is made of and how its hardware is: cameras, sound, screens, processor, memory, disk, network, clock.
// It reads the text files of a root file system (an fs.FS, so that a machine can be a fixture) and asks the kernel, through Calls, for
// what no file tells. It judges nothing and changes nothing; what cannot be read is left at its zero value, which every field's comment
// explains.
package probe

import (
	"io/fs"
	"net/netip"
	"time"
)

// Machine is a box's hardware as it was at one moment.
type Machine struct {
	At       time.Time // by the machine's own clock, right or wrong
	BootID   string    // new at each start of the kernel
	Uptime   time.Duration
	System   string // name of the operating system
	Kernel   string
	Model    Model
	CPU      CPU
	Thermal  Thermal
	Memory   Memory
	Disk     Disk // of the data directory
	Mounts   []Mount
	Network  Network
	Clock    Clock
	Cameras  []Camera
	Sound    Sound
	Displays []Display
	Ports    []Port
	// HardwareIDs tell this machine from its sisters, as kind:number: "disk:eui.64…", "board:9d3a…". Some need rights to be read.
	HardwareIDs []string
}

// Model is what the firmware says the machine is.
type Model struct {
	Vendor, Product, Board string
	Compatible             []string // device tree, the most special first; empty with DMI
	Chassis                int      // SMBIOS §7.4.1: 3 desktop, 10 notebook, 35 mini-PC; 0 unknown
}

// CPU is the processor.
type CPU struct {
	Name  string // "" where the kernel gives none, as on arm64
	Cores int
	// MaxMHz is what the fastest core can do, AllowedMHz what the kernel allows it now; 0 unknown. A cap below the maximum is throttling
	// or a setting.
	MaxMHz, AllowedMHz int
	Throttled          time.Duration // since boot, for heat; 0 also when unknown, or when the counter shows more than the uptime
	Load               float64       // runnable tasks, one minute
}

// Thermal is the hottest sensor of the processor.
type Thermal struct {
	Known    bool
	Celsius  float64
	Critical float64 // where the hardware switches off; 0 unknown
}

// Memory in bytes.
type Memory struct {
	Total, Available, SwapTotal, SwapFree int64
	// Stalled is the share of the last minute that some task waited for memory, 0 to 1; 0 also when unknown.
	Stalled float64
}

// Disk is the drive under the data directory.
type Disk struct {
	Name, Model, Kind string // sda; as the drive says; emmc, ssd, hdd, virtual or ""
	Size              int64  // of the drive; 0 unknown
	Total, Free       int64  // of the file system, Free as for an ordinary user; Total 0 unknown
	ReadOnly          bool
	FileSystem        string
	// WearPercent is how much of its life flash memory has used (JEDEC 84-B51 EXT_CSD 267–269); −1 unknown. Over says the drive itself
	// reports that its spare blocks are gone or nearly so.
	WearPercent int
	Over        bool
	Errors      int           // that the file system remembers
	WriteWait   time.Duration // mean time of a write request since boot; 0 unknown
}

// Mount is a mounted file system on a real device.
type Mount struct {
	Point, Source, FileSystem string
	ReadOnly                  bool
}

// Network is every interface that could reach others.
type Network struct {
	Links      []Link
	Known      bool       // the list could be read
	Gateway    netip.Addr // of the default route; zero without one
	GatewayVia string
	Routed     bool // the interface of the default route has an address that others can answer to
	Resolvers  []netip.Addr
}

// Link is one physical interface.
type Link struct {
	Name, MAC  string
	Permanent  bool // MAC is the hardware's own, not one made up
	Wireless   bool
	Up         bool // switched on
	Carrier    bool // cable and other end, or associated
	SpeedMbps  int  // 0 unknown
	HalfDuplex bool
	// Losses is how often the carrier went away since boot.
	Losses    int
	Addresses []netip.Prefix
	SignalDBM int // Wi-Fi; 0 unknown
	Errors    int64
}

// Clock is what keeps the time.
type Clock struct {
	Source       string // the kernel's clock source
	RTC          bool   // there is one
	RTCTime      time.Time
	Synchronised bool // the kernel says that somebody sets it (adjtimex)
}

// Camera is something that gives pictures.
type Camera struct {
	Device  string // video0
	Name    string
	Vendor  string // USB ids, "" for others
	Product string
	Serial  string
	Port    string // where it is plugged, as the kernel names it: 1-2
	USBMbps float64
	Known   bool // Formats could be asked
	Formats []Format
	H264    bool // some node of this camera encodes by itself
}

// Format is one picture format of a camera.
type Format struct {
	FourCC string
	Sizes  []Size
}

// Size is one picture size and its highest rate.
type Size struct {
	Width, Height int
	FPS           float64
}

// Sound is what hears and speaks.
type Sound struct {
	Cards []Card
}

// Card is one ALSA card.
type Card struct {
	Number     int
	ID, Name   string
	USB        bool
	Port       string
	Captures   int // devices that hear
	Playbacks  int // devices that speak
	HDMI       bool
	MixerKnown bool
	Controls   []Control
}

// Control is one volume of a card.
type Control struct {
	Name             string
	Capture          bool
	Volume, Min, Max int // Min == Max: no volume
	Switch, On       bool
}

// Display is one socket for a screen.
type Display struct {
	Name      string // HDMI-A-1
	Connected bool   // or driven by the kernel where the socket cannot tell, as VGA without the data lines
	Enabled   bool   // the kernel drives it
	Internal  bool   // a notebook's own
	Screen    string
	Width     int // preferred mode, pixels; 0 unknown
	Height    int
	InchTenth int // diagonal, tenths of an inch; 0 unknown
}

// Port is a listening socket.
type Port struct {
	Network string // tcp or udp
	Addr    netip.AddrPort
	UID     int
}

// Options say where things are.
type Options struct {
	DataDir string // absolute; its disk is the disk
}

// ReadNetwork reads the network alone: some dozen small files.
func ReadNetwork(root fs.FS, calls Calls) Network { return tree{root}.network(calls) }

// ReadDisplays reads the sockets for screens alone.
func ReadDisplays(root fs.FS) []Display { return tree{root}.displays() }

// ReadSound reads the sound cards alone.
func ReadSound(root fs.FS, calls Calls) Sound { return tree{root}.sound(calls) }

// Read reads the whole machine from root (os.DirFS("/") for the machine itself). It takes well under a second on a mini-PC: about
// three hundred small files.
func Read(root fs.FS, calls Calls, o Options) Machine {
	t := tree{root}
	m := Machine{
		At:     calls.Now(),
		BootID: t.text("proc/sys/kernel/random/boot_id"),
		Uptime: t.uptime(),
		System: t.osName(),
		Kernel: t.text("proc/sys/kernel/osrelease"),
		Model:  t.model(),
	}
	m.CPU = t.cpu(m.Uptime)
	m.Thermal = t.thermal()
	m.Memory = t.memory()
	m.Mounts = t.mounts()
	m.Disk = t.disk(calls, o.DataDir)
	m.Network = t.network(calls)
	m.Clock = t.clock(calls)
	m.Cameras = t.cameras(calls)
	m.Sound = t.sound(calls)
	m.Displays = t.displays()
	m.Ports = t.ports()
	m.HardwareIDs = t.hardwareIDs(m.Disk.Name)
	return m
}
