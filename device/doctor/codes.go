package doctor

// rule is one finding that can be made.
type rule struct {
	code     string
	part     string
	severity Severity
	text     Words // what is, at most 16 characters in Chinese without the figures
	hint     Words // what to do
	// check says whether it is so: args fill the places in text, detail is for the telephone.
	check func(*Input) (args []any, detail string, found bool)
	// behind names findings that explain this one, which is then not told.
	behind []string
}

// Findings that a box without a way to its parent explains.
var offline = []string{"no-adapter", "adapter-off", "no-cable", "no-address"}

// table is every finding, in the order in which a person should deal with them.
var table = []rule{
	// The box itself.
	{"config-wrong", "system", Fault, Words{"配置文件写错了", "The configuration file is wrong"}, Words{"按提示改好，再重启", "Correct it as tongke check says, then restart"}, configWrong, nil},
	{"port-taken", "system", Fault, Words{"端口被别的程序占了", "Another program holds our port"}, Words{"关掉那个程序，再重启", "End that program, then restart"}, portTaken, nil},
	{"data-newer", "system", Fault, Words{"装了旧版本，数据是新的", "An older version was installed over newer data"}, Words{"装回新版本", "Install the newer version again"}, dataNewer, []string{"config-wrong"}},
	{"not-running", "system", Fault, Words{"同课没有运行", "tongke is not running"}, Words{"关电再开；还不行请换设备", "Switch off and on; else replace the box"}, notRunning, []string{"config-wrong", "data-newer", "port-taken", "disk-read-only", "disk-full"}},
	{"copied", "system", Fault, Words{"这台是从别的设备复制来的", "This box is a copy of another one"}, Words{"恢复出厂，再加入一次学校", "Reset it and let it join again"}, copied, nil},
	{"rolled-back", "system", Warning, Words{"系统被还原了，已重新同步", "System was rolled back, synchronised again"}, Words{"关掉还原卡", "Disable the reset card"}, rolledBack, nil},
	// The network, from the socket outwards.
	{"no-adapter", "cable", Fault, Words{"找不到网卡", "No network adapter"}, Words{"换设备", "Replace the box"}, noAdapter, nil},
	{"adapter-off", "cable", Fault, Words{"网卡没有启用", "The network adapter is switched off"}, Words{"在系统的网络设置里启用它", "Enable it in the system's network settings"}, adapterOff, nil},
	{"no-cable", "cable", Fault, Words{"网线没插", "No network cable"}, Words{"插紧网线，看灯亮不亮", "Push it in, look at the light"}, noCable, []string{"adapter-off"}},
	{"no-address", "address", Fault, Words{"学校网络没给地址", "The network gives no address"}, Words{"请学校看路由器，或填固定地址", "Ask the school to look at its router, or set a fixed address"}, noAddress, []string{"no-cable"}},
	{"login-needed", "parent", Fault, Words{"学校网络要登录", "School network asks for a login"}, Words{"请学校给这台设备免认证", "Have this box exempted"}, loginNeeded, offline},
	{"certificate-mismatch", "parent", Fault, Words{"对方不是原来的核心校设备", "This is not the parent we joined"}, Words{"请核心校再发一个邀请码", "Ask the core for a new invitation"}, certificateMismatch, append([]string{"login-needed"}, offline...)},
	{"no-gateway", "address", Fault, Words{"出不了学校的网", "No way out of the school's network"}, Words{"请学校看路由器和网关", "Ask the school to look at its router"}, noGateway, append([]string{"login-needed"}, offline...)},
	{"names-dead", "parent", Fault, Words{"查不到核心校的地址", "The core's name cannot be resolved"}, Words{"请学校看 DNS 设置", "Ask the school to look at its DNS"}, namesDead, append([]string{"login-needed", "no-gateway"}, offline...)},
	{"parent-unreachable", "parent", Fault, Words{"找不到核心校", "The core school is not found"}, Words{"看它开没开；地址变了在网络里改", "See whether its box is on; if it has another address, write that under Network"}, parentUnreachable, append([]string{"login-needed", "certificate-mismatch", "no-gateway", "names-dead", "clock-unset"}, offline...)},
	{"spare-channel", "parent", Warning, Words{"只能走备用通道", "Only the spare channel works"}, Words{"能上课；请学校放行 UDP 8443", "Lessons work; ask for UDP 8443"}, spareChannel, nil},
	{"link-slow", "parent", Warning, Words{"网络太慢（%.1f 兆）", "Link too slow (%.1f Mb/s)"}, Words{"能听能看黑板；看谁在占网", "Voice and board work; find who fills it"}, linkSlow, offline},
	{"cable-slow", "cable", Warning, Words{"网线只通了 %d 兆", "The cable carries only %d Mb/s"}, Words{"换一根网线，或换个网口", "Change the cable or the socket"}, cableSlow, nil},
	{"cable-loose", "cable", Warning, Words{"网线时通时断", "The cable comes and goes"}, Words{"插紧两头；还断就换网线", "Push in both ends; else change it"}, cableLoose, nil},
	{"wifi-weak", "cable", Warning, Words{"无线信号太弱", "Weak Wi-Fi"}, Words{"插网线，或离路由器近些", "Use a cable, or come nearer to the router"}, wifiWeak, nil},
	// What pupils see and hear.
	{"no-display", "screen", Fault, Words{"没找到大屏", "No screen found"}, Words{"打开大屏，插紧 HDMI 线", "Turn the screen on, push the HDMI cable in"}, noDisplay, nil},
	{"screen-elsewhere", "screen", Fault, Words{"大屏没切到同课", "Screen shows another source"}, Words{"按大屏的“信号源”，选 HDMI 2", "Press Source, choose HDMI 2"}, screenElsewhere, []string{"no-display"}},
	{"no-speaker", "speaker", Warning, Words{"没找到喇叭", "No speaker found"}, Words{"插紧大屏的 HDMI 线或音箱", "Push in the screen's HDMI cable or the speaker's"}, noSpeaker, []string{"no-display"}},
	{"sound-off", "speaker", Warning, Words{"设备的音量是 0", "The box's volume is zero"}, Words{"在“设备”页点“打开声音”", "On the page of the device, press Turn the sound on"}, soundOff, []string{"no-speaker"}},
	{"screen-silent", "speaker", Warning, Words{"听不到大屏的声音", "Screen's sound not heard"}, Words{"把大屏音量调到 30 以上", "Volume above 30"}, screenSilent, []string{"no-speaker", "sound-off"}},
	// What others see and hear of us.
	{"camera-unplugged", "camera", Warning, Words{"摄像头没插好", "Camera unplugged"}, Words{"插紧摄像头的 USB 线", "Push its USB cable in"}, cameraUnplugged, nil},
	{"camera-black", "camera", Warning, Words{"摄像头画面全黑", "Camera is black"}, Words{"取下镜头盖，打开灯", "Remove the cap, turn on the light"}, cameraBlack, []string{"camera-unplugged"}},
	{"camera-slow", "camera", Warning, Words{"摄像头插在慢的口上", "Camera in a slow socket"}, Words{"直接插到设备上，换个 USB 口", "Plug it into the box itself, another socket"}, cameraSlow, nil},
	{"net-camera-away", "camera", Warning, Words{"网络摄像头连不上", "The network camera does not answer"}, Words{"看它的电源和网线，再试一次", "Look at its power and cable, then try it again"}, netCameraAway, offline},
	{"net-camera-password", "camera", Warning, Words{"网络摄像头不认密码", "The network camera refuses the password"}, Words{"填摄像头自己的用户名和密码", "Write the camera's own user and password"}, netCameraPassword, nil},
	{"net-camera-format", "camera", Warning, Words{"网络摄像头格式用不了", "The network camera sends what browsers cannot show"}, Words{"在它的网页改 H.264，关 B 帧", "On its own page choose H.264, without B-frames"}, netCameraFormat, nil},
	{"net-camera-keyframes", "camera", Warning, Words{"网络摄像头没有关键帧", "The network camera sends no keyframe"}, Words{"在它的网页把 I 帧间隔改成 2 秒", "On its own page set the I-frame interval to 2 s"}, netCameraKeyframes, nil},
	{"net-camera-busy", "camera", Warning, Words{"网络摄像头连接数满了", "The network camera serves too many already"}, Words{"关掉也在看它的录像机或软件", "Close a recorder or program that watches it"}, netCameraBusy, nil},
	{"net-camera-certificate", "camera", Warning, Words{"不认识网络摄像头的证书", "The network camera's certificate is not known"}, Words{"在“设备”页核对指纹后记下来", "Compare the fingerprint on the page of the device"}, netCameraCertificate, nil},
	{"net-camera-settings", "camera", Warning, Words{"网络摄像头的设置不对", "The network camera is set up wrongly"}, Words{"在“设备”页点“摄像头”，照着改", "See Cameras on the page of the device"}, netCameraSettings, nil},
	{"microphone-missing", "microphone", Warning, Words{"话筒没插好", "Microphone unplugged"}, Words{"插紧话筒的线", "Push its cable in"}, microphoneMissing, nil},
	{"microphone-off", "microphone", Warning, Words{"话筒音量是 0", "The microphone's volume is zero"}, Words{"在“设备”页点“打开话筒”", "On the page of the device, press Turn the microphone on"}, microphoneOff, []string{"microphone-missing"}},
	{"microphone-silent", "microphone", Warning, Words{"话筒没有声音", "Microphone silent"}, Words{"看话筒开关和电池", "Check its switch and battery"}, microphoneSilent, []string{"microphone-missing", "microphone-off"}},
	// What ages.
	{"disk-failing", "disk", Warning, Words{"硬盘坏了", "Disk is failing"}, Words{"照常上课，不能录；请换设备", "Lessons go on unrecorded; replace the box"}, diskFailing, nil},
	{"disk-read-only", "disk", Warning, Words{"硬盘只能读，不能写", "Disk can only be read"}, Words{"照常上课，不能录；请换设备", "Lessons go on unrecorded; replace the box"}, diskReadOnly, []string{"disk-failing"}},
	{"disk-full", "disk", Warning, Words{"硬盘满了", "Disk full"}, Words{"照常上课，不能录；删些回放", "Lessons go on unrecorded; delete recordings"}, diskFull, []string{"disk-read-only"}},
	{"disk-nearly-full", "disk", Warning, Words{"硬盘快满", "Disk nearly full"}, Words{"不用管，会自动删最旧的", "Nothing to do, oldest go first"}, diskNearlyFull, []string{"disk-full"}},
	{"disk-worn", "disk", Warning, Words{"硬盘快用到头了（%d%%）", "Disk nearly worn out (%d%%)"}, Words{"还能用；放假时换设备", "Works still; replace the box in the holidays"}, diskWorn, []string{"disk-failing"}},
	{"disk-slow", "disk", Warning, Words{"硬盘太慢", "Disk too slow"}, Words{"能上课；录像可能不全，请换硬盘", "Lessons work; recordings may have gaps, replace the disk"}, diskSlow, []string{"disk-failing"}},
	{"too-hot", "heat", Warning, Words{"设备太热（%.0f ℃）", "Too hot (%.0f ℃)"}, Words{"挪到通风的地方", "Move it where air flows"}, tooHot, nil},
	{"throttled", "heat", Warning, Words{"设备太热，变慢了", "Slowed down by heat"}, Words{"清灰，挪到通风的地方", "Clean out the dust, move it where air flows"}, throttled, []string{"too-hot"}},
	{"memory-low", "memory", Warning, Words{"内存不够用", "Not enough memory"}, Words{"关掉别的程序", "End other programs"}, memoryLow, nil},
	{"clock-unset", "clock", Warning, Words{"时间不对，还没校正", "Clock is wrong, not corrected yet"}, Words{"插好网线，等一分钟", "Push the cable in, wait a minute"}, clockUnset, nil},
	{"clock-wrong", "clock", Warning, Words{"时间不对，已按核心校校正", "Clock was wrong, corrected from the core"}, Words{"换主板电池", "Replace the battery"}, clockWrong, []string{"clock-unset"}},
	{"power-cuts", "power", Warning, Words{"%s断电 %d 次", "Power cut %[2]d times %[1]s"}, Words{"不用管；天天这样请查插座", "Nothing; if daily, check the socket"}, powerCuts, nil},
}

// part is something of the box that is looked at.
type part struct {
	name  string
	words Words
	room  bool // only in a classroom
	told  func(*Input) string
}

// parts are the lines of a full check, in its order.
var parts = []part{
	{"system", Words{"系统", "System"}, false, func(in *Input) string { return in.Machine.System }},
	{"cable", Words{"网线", "Cable"}, false, tellLinks},
	{"address", Words{"网络地址", "Address"}, false, tellAddress},
	{"parent", Words{"核心校", "Core school"}, false, func(*Input) string { return "" }},
	{"screen", Words{"大屏", "Screen"}, true, tellScreen},
	{"speaker", Words{"喇叭", "Speaker"}, true, tellSpeakers},
	{"camera", Words{"摄像头", "Camera"}, true, tellCameras},
	{"microphone", Words{"话筒", "Microphone"}, true, tellMicrophones},
	{"disk", Words{"硬盘", "Disk"}, false, tellDisk},
	{"heat", Words{"温度", "Temperature"}, false, tellHeat},
	{"memory", Words{"内存", "Memory"}, false, tellMemory},
	{"clock", Words{"时间", "Clock"}, false, func(in *Input) string { return in.Machine.At.Format("2006-01-02 15:04:05 MST") }},
	{"power", Words{"供电", "Power"}, false, func(in *Input) string { return "up for " + in.Machine.Uptime.Truncate(1e9).String() }},
}

// Codes lists every code, in the order of the table.
func Codes() []string {
	out := make([]string, 0, len(table))
	for _, r := range table {
		out = append(out, r.code)
	}
	return out
}
