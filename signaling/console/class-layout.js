// Where the pictures of the wall screen stand, in u (1/1080 of its height). Pure.

/** @typedef {import("./messages.js").Lesson} Lesson */

/**
 * @typedef {object} Tile
 * @property {string} id board, teacher, own, or the room
 * @property {"board" | "teacher" | "own" | "campus"} kind
 * @property {string} room of a campus
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 * @property {boolean} floor has the floor: yellow frame
 */

/**
 * @typedef {object} Plan
 * @property {Tile[]} tiles
 * @property {{x: number, y: number, w: number, h: number} | null} names place of the lesson's and the schools' names
 * @property {{x: number, y: number, w: number, h: number, rooms: string[]} | null} speaking place of who speaks
 * @property {boolean} full the board is all over the screen
 */

/**
 * @typedef {object} Wish
 * @property {string} me the own room
 * @property {boolean} master the teacher is in this room
 * @property {boolean} board a board is shared
 * @property {boolean} camera the room's own picture is there to be shown
 * @property {string[]} rooms the members who take part, in their order
 * @property {string[]} floor who has the floor, the first first
 * @property {"lecture" | "board" | "all"} layout
 */

const large = [1440, 810];
const half = [960, 540];
const small = [480, 270];

/**
 * @param {string} id
 * @param {number} x
 * @param {number} y
 * @param {number[]} size
 * @param {string[]} floor
 * @returns {Tile}
 */
function tile(id, x, y, size, floor) {
	const kind = id === "board" || id === "teacher" || id === "own" ? id : "campus";
	return { id, kind, room: kind === "campus" ? id : "", x, y, w: size[0], h: size[1], floor: floor.includes(id) };
}

/** @param {number} y @param {number} x @param {number} [h] */
const place = (x, y, h = 270) => ({ x, y, w: 480, h });

/**
 * Equal pictures in rows, in the middle.
 * @param {string[]} ids
 * @param {number} columns
 * @param {number[]} size
 * @param {string[]} floor
 */
function grid(ids, columns, size, floor) {
	const rows = Math.ceil(ids.length / columns);
	const left = (1920 - columns * size[0]) / 2;
	const top = (810 - rows * size[1]) / 2;
	return ids.map((id, i) => tile(id, left + (i % columns) * size[0], top + Math.floor(i / columns) * size[1], size, floor));
}

/**
 * @param {Wish} w
 * @returns {Plan}
 */
export function plan(w) {
	const others = w.rooms.filter((r) => r !== w.me);
	const floor = w.floor.map((r) => (r === w.me ? "own" : r));
	if (w.master) {
		return masters(w, floor);
	}
	if (floor.length > 0) {
		return called(w, floor);
	}
	if (w.layout === "all") {
		return all(w, others);
	}
	if (w.layout === "board" && w.board) {
		return { tiles: [tile("board", 0, 0, [1920, 1080], [])], names: null, speaking: null, full: true };
	}
	const tiles = [tile(w.board ? "board" : "teacher", 0, 0, large, [])];
	let y = 0;
	if (w.board) {
		tiles.push(tile("teacher", 1440, y, small, []));
		y += 270;
	}
	if (w.camera) {
		tiles.push(tile("own", 1440, y, small, []));
		y += 270;
	}
	if (others.length === 1) {
		tiles.push(tile(others[0], 1440, y, small, []));
		y += 270;
	}
	return { tiles, names: y < 810 ? place(1440, y, 810 - y) : null, speaking: null, full: false };
}

/** Before the teacher begins: whose lesson it is, and the own picture. @returns {Plan} */
export function waiting() {
	return { tiles: [tile("own", 1440, 0, small, [])], names: { x: 0, y: 0, w: 1440, h: 810 }, speaking: null, full: false };
}

/** A minute before the lesson: does the camera see the class? @returns {Plan} */
export function looking() {
	return { tiles: [tile("own", 480, 265, half, [])], names: null, speaking: null, full: false };
}

/** Somebody was called on. @param {Wish} w @param {string[]} floor @returns {Plan} */
function called(w, floor) {
	const [first, second] = floor;
	const us = first === "own";
	const main = us ? "teacher" : first;
	if (!w.board) {
		const column = us ? ["own"] : ["teacher", ...(w.camera ? ["own"] : [])];
		if (second !== undefined && !column.includes(second)) {
			column.push(second);
		}
		const tiles = [tile(main, 0, 0, large, floor), ...column.map((id, i) => tile(id, 1440, i * 270, small, floor))];
		return { tiles, names: column.length < 3 ? place(1440, column.length * 270, 810 - column.length * 270) : null, speaking: null, full: false };
	}
	const tiles = [tile(main, 0, 0, half, floor), tile("board", 960, 0, half, floor)];
	if (us) {
		tiles.push(tile("own", second === undefined ? 720 : 480, 540, small, floor));
		if (second !== undefined) {
			tiles.push(tile(second, 960, 540, small, floor));
		}
		return { tiles, names: null, speaking: null, full: false };
	}
	const below = ["teacher", ...(w.camera || second === "own" ? ["own"] : [])];
	if (second !== undefined && second !== "own") {
		below.push(second);
	}
	tiles.push(...below.map((id, i) => tile(id, i * 480, 540, small, floor)));
	const x = below.length * 480;
	const room = 1920 - x >= half[0]; // beside a second speaker there is none: the sentence names both
	return { tiles, names: null, speaking: room ? { x, y: 540, w: 1920 - x, h: 270, rooms: w.floor } : null, full: false };
}

/** 看各校: everybody. @param {Wish} w @param {string[]} others @returns {Plan} */
function all(w, others) {
	const ids = ["teacher", "own", ...others];
	/** @type {Tile[]} */
	let tiles;
	if (w.rooms.length <= 1) {
		tiles = grid(ids, 2, half, []);
	} else if (w.rooms.length === 2) {
		tiles = grid(w.board ? [...ids, "board"] : ids, 2, [720, 405], []);
	} else if (ids.length <= 6) {
		tiles = grid(ids, 3, [640, 360], []);
	} else {
		tiles = grid(ids.slice(0, 12), 4, small, []);
	}
	return { tiles, names: null, speaking: null, full: false };
}

/** The screen of the room where the teacher is: the pupils there see the far classes. @param {Wish} w @param {string[]} floor @returns {Plan} */
function masters(w, floor) {
	const rooms = w.rooms.filter((r) => r !== w.me);
	if (floor.length > 0 && rooms.length > 1) {
		const first = floor[0];
		const rest = [...floor.slice(1), ...rooms.filter((r) => !floor.includes(r))].slice(0, 3);
		const tiles = [tile(first, 0, 0, large, floor), ...rest.map((id, i) => tile(id, 1440, i * 270, small, floor))];
		return { tiles, names: null, speaking: null, full: false };
	}
	/** @type {Tile[]} */
	let tiles = [];
	if (rooms.length === 1) {
		tiles = grid(rooms, 1, large, floor);
	} else if (rooms.length === 2) {
		tiles = grid(rooms, 2, half, floor);
	} else if (rooms.length <= 6) {
		tiles = grid(rooms, 3, [640, 360], floor);
	} else {
		tiles = grid(rooms.slice(0, 12), 4, small, floor);
	}
	return { tiles, names: rooms.length === 0 ? place(720, 270) : null, speaking: null, full: false };
}
