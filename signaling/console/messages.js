// The messages of tongke.v1 as they stand in signaling/protocol/README.md. Types only; times are ms since 1970 on the box's clock.

/** @typedef {"teacher" | "assistant" | "classroom" | "inspector" | "technician" | "administrator"} Role */
/** @typedef {"voice" | "teacher" | "pupils" | "board"} Source */
/** @typedef {"lecture" | "board" | "all"} Layout */

/**
 * @typedef {object} Hello
 * @property {"class" | "teach" | "assist" | "home"} page
 * @property {string} [lesson]
 * @property {string} [resume]
 * @property {"play" | "lead"} [take]
 * @property {boolean} [remote]
 * @property {string} [lang]
 * @property {number} [version]
 */

/**
 * @typedef {object} HelloOK
 * @property {string} session
 * @property {string} resume
 * @property {Role} role
 * @property {string} room
 * @property {string} roomName
 * @property {{id: string, name: string, url?: string}} box url: where other computers and phones find it
 * @property {number} now
 * @property {string} [lesson]
 */

/**
 * @typedef {object} RoomState a member of a lesson
 * @property {string} room
 * @property {string} campus
 * @property {string} name
 * @property {string} [box]
 * @property {"absent" | "here" | "ready" | "live" | "lost" | "removed"} state
 * @property {number} since
 * @property {"hears" | "smaller" | "choppy" | "hard" | "offline" | "absent" | "unknown"} word
 * @property {number} wordSince
 * @property {number} [hand]
 * @property {number} [handOrder]
 * @property {boolean} covered
 * @property {boolean} cam
 * @property {boolean} mic
 * @property {boolean} camMissing
 * @property {boolean} micMissing
 * @property {number} level
 * @property {boolean} quiet
 * @property {boolean} muted
 * @property {number} phones
 * @property {number} [codes] how often they were given a new code
 * @property {number} [lastSeen]
 * @property {"full" | "small" | "still" | "voice"} [step]
 * @property {Layout | ""} [layout]
 * @property {number} [delayMs] from the teacher's camera to the room's screen
 */

/**
 * @typedef {object} Note
 * @property {number} id
 * @property {"teacher" | "assistant"} from
 * @property {string} room
 * @property {"phrase" | "text"} kind
 * @property {string} [code]
 * @property {string} [text]
 * @property {number} at
 * @property {boolean} seen
 */

/**
 * @typedef {object} Lesson the event lesson
 * @property {"lesson"} type
 * @property {string} id
 * @property {number} epoch
 * @property {number} rev
 * @property {boolean} stale
 * @property {string} title
 * @property {string} [subject]
 * @property {string} [teacher]
 * @property {string} mode
 * @property {"planned" | "waiting" | "live" | "over" | "ended"} state
 * @property {number} [start]
 * @property {number} [end]
 * @property {number} [startedAt]
 * @property {number} [endedAt]
 * @property {number} extended
 * @property {string} ownerBox
 * @property {"off" | "buffer" | "keep"} record
 * @property {"teacher+board" | "+pupils"} scope
 * @property {boolean} kept
 * @property {Layout} layout
 * @property {boolean} music
 * @property {boolean} mirror
 * @property {boolean} closed
 * @property {{session: string, room: string, online: boolean, since: number} | null} lead
 * @property {{room: string, name: string}} master
 * @property {{board: boolean, teacher: boolean, pupils: boolean, voice: boolean, muted: boolean}} sources
 * @property {{room: string, since: number, second: boolean}[]} floor
 * @property {RoomState[]} rooms
 * @property {Note[]} notes
 */

/**
 * @typedef {object} Recording what the box of this room does with the lesson
 * @property {"off" | "buffer" | "keep"} mode
 * @property {"teacher+board" | "+pupils"} scope
 * @property {"" | "disk-full" | "disk-failed"} [fault] why nothing is kept although it should be
 * @property {number} seconds kept so far
 */

/**
 * @typedef {object} Room the event room
 * @property {"room"} type
 * @property {string} room
 * @property {string} name
 * @property {"idle" | "soon" | "look" | "joining" | "in" | "ended" | "removed" | "taken" | "fresh"} state
 * @property {{id: string, title: string, subject?: string, teacher?: string, start: number}} [next]
 * @property {{up: boolean, since: number, nextTry?: number}} [uplink]
 * @property {number} [now] of the box's clock, when it was set since hello
 * @property {{url: string, code: string}} [assist]
 * @property {number} [installed] minutes that setting up the box took, while that is news
 * @property {boolean} covered
 * @property {Layout | ""} layout
 * @property {number} volume
 * @property {string} [code]
 * @property {Source[]} [films] what network cameras of the box make of this room: no page opens a camera for them
 * @property {Recording} [recording] absent on a box without a recorder
 */

/**
 * @typedef {object} Slot
 * @property {number} slot
 * @property {string} mid
 * @property {"audio" | "video"} kind
 * @property {Source | ""} source
 * @property {string} room
 * @property {string} name
 * @property {boolean} own
 * @property {"full" | "thin"} [reason]
 */

/** @typedef {{type: "bound", slots: Slot[]}} Bound */

/** @typedef {{rid: string, maxBitrate: number, scale: number, fps: number, active: boolean}} EncodeLayer */

/**
 * @typedef {object} Encode
 * @property {"encode"} type
 * @property {Source} source
 * @property {EncodeLayer[]} layers
 * @property {number} keyframeEvery
 * @property {number} [maxWidth] what the machine of this page can encode
 * @property {number} [maxHeight]
 */

/** @typedef {{type: "level", rooms: Record<string, number>}} Level */
/** @typedef {{type: "say", code: "phrase-seen", note: number}} Say */
/** @typedef {{type: "bye", code: string}} Bye */
/** @typedef {{type: "self-test", test: number, do: ("chirp" | "clap" | "picture" | "show")[]}} SelfTest */

/**
 * @typedef {object} SelfTested what came of a self-test; levels are dB of full scale
 * @property {number} test
 * @property {{microphone: "ok" | "silent" | "none" | "busy" | "blocked", plays: boolean, heard: boolean, level: number, noise: number}} [chirp]
 * @property {{microphone: "ok" | "silent" | "none" | "busy" | "blocked", heard: boolean, level: number}} [clap]
 * @property {"ok" | "black" | "frozen" | "none" | "busy" | "blocked" | "covered"} [picture]
 * @property {boolean} [shown]
 * @property {"lesson" | "asked" | "failed"} [stopped]
 */

/**
 * What a page listens to, by type.
 * @typedef {object} Events
 * @property {Lesson} lesson
 * @property {Room} room
 * @property {Bound} bound
 * @property {Encode} encode
 * @property {Level} level
 * @property {Say} say
 * @property {Bye} bye
 * @property {SelfTest} self-test
 */

/**
 * What a page asks, by type: the fields beside type and id.
 * @typedef {{
 *   "lesson.start": {},
 *   "lesson.end": {confirm: true},
 *   "lesson.extend": {},
 *   "lesson.set": {layout?: Layout, music?: boolean, mirror?: boolean, closed?: boolean, record?: string, scope?: string},
 *   "lesson.take": {},
 *   "floor.call": {room: string, second?: boolean},
 *   "floor.release": {room?: string},
 *   "floor.done": {},
 *   "hand.raise": {},
 *   "hand.lower": {},
 *   "room.mute": {room: string, muted: boolean},
 *   "room.remove": {room: string},
 *   "room.admit": {room: string},
 *   "room.code": {room: string},
 *   "room.ready": {},
 *   "room.cover": {covered: boolean},
 *   "room.layout": {layout: Layout | ""},
 *   "room.volume": {volume: number},
 *   "self.mute": {muted: boolean},
 *   "note.phrase": {code: "unclear" | "board" | "fast" | "done" | "question"},
 *   "note.text": {text: string, room?: string},
 *   "note.seen": {note: number},
 *   "help": {code?: string},
 *   "feedback": {ok: boolean},
 *   "media.up": {sdp: string, tracks: {mid: string, source: Source}[]},
 *   "media.down": {sdp?: string},
 *   "media.candidate": {pc: "up" | "down", candidate: string, mid: string},
 *   "media.restart": {pc: "up" | "down"},
 *   "encoded": {source: Source, layers: {rid: string, active: boolean, width: number, height: number, fps: number, bitrate: number}[], limited: string},
 *   "stats": {total: number, concealed: number, silentConcealed: number, freezes: number, freezeMs: number, boardFrames: number, teacherFrames: number, level: number, fps: number, delayMs?: number},
 *   "self-test": SelfTested,
 *   "devices": {cam: boolean, mic: boolean, camMissing: boolean, micMissing: boolean},
 *   "bye": {},
 * }} Requests
 */

export {};
