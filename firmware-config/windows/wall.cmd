@echo off
rem The wall screen in Microsoft Edge: one window, no first page, camera and microphone without a question. Alt+F4 ends it.
start "" msedge.exe --kiosk "http://127.0.0.1:8080/class" --edge-kiosk-type=fullscreen --no-first-run --hide-crash-restore-bubble --autoplay-policy=no-user-gesture-required --auto-accept-camera-and-microphone-capture --allow-loopback-in-peer-connection --user-data-dir="%LOCALAPPDATA%\tongke-wall"
