const root = document.documentElement;
function speak(lang) {
	root.lang = lang === "en" ? "en" : "zh-CN";
	document.title = root.lang === "en" ? "tongke: bench report" : "同课：网络测试报告";
}
speak(new URLSearchParams(location.search).get("lang"));
document.getElementById("language").addEventListener("click", () => speak(root.lang === "en" ? "zh" : "en"));
