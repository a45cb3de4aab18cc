/**
 * Types of the web client: the state, what the user interface may ask for (Intent), what happens (Event), and what
 * the reducer wants done (Effect). Only types: nothing of this file is served.
 *
 * In a module: `/** @import {State, Intent} from "../core/types.js" *\/`.
 *
 * Times are milliseconds since 1970 UTC by the server's clock, unless their description says "device clock".
 */

// ---------------------------------------------------------------------------------------------- names and small types

/** A conversation: `u2` with account 2, `g5` of group 5. Its address is `#/u2`, that of a message in it `#/u2/77`. */
export type Key = `u${number}` | `g${number}`;

/** What the client calls a request; the server's answer carries it. */
export type Ref = string;

/** State of an own message, `null` for messages of others. */
export type Tick = "sending" | "sent" | "delivered" | "read" | "failed" | null;

export interface FileInfo {
    /** The file's id on the server: `/files/ID`. */
    id: string;
    name: string;
    type: string;
    /** Bytes. */
    size: number;
    width?: number;
    height?: number;
    /** The id of a smaller picture (at most 320 px), if there is one. */
    thumbnail?: string;
}

export interface Reaction {
    by: number;
    emoji: string;
}

/** A message that the server has stored. */
export interface Message {
    id: number;
    from: number;
    /** When the server accepted it. */
    at: number;
    /** Empty if deleted, or if it has only files. */
    content: string;
    reply_to?: number;
    edited_at?: number;
    deleted?: boolean;
    files?: FileInfo[];
    reactions?: Reaction[];
    /** Changes that wait for the server's answer; `shown()` of core/select.js has them applied. */
    pending?: { content?: string; deleted?: true; emoji?: string | null };
    /** The ref under which this tab sent it: the row keeps its `id`. */
    ref?: Ref;
}

/** A message of this device that the server has not confirmed yet. It stands below all stored messages. */
export interface Outgoing {
    ref: Ref;
    key: Key;
    content: string;
    /** When it was written (device clock, corrected by `clock.offset`). */
    at: number;
    reply_to?: number;
    /** Local ids of uploads, see `State.uploads`. The message is sent when all of them are there. */
    uploads: string[];
    /** Files that are on the server already (a forwarded message). */
    files?: FileInfo[];
    /** The server's sentence if it was refused: "not sent", with the intents `retry` and `discard`. */
    error: string | null;
    /** Its message came as an event before the answer: it is shown already. */
    stored?: number;
    /** It was refused for the rate and goes out again by itself. */
    again?: boolean;
}

/** A change of a group or of a conversation, shown as a line between messages. */
export interface Change {
    seq: number;
    /** The message after which it stands (0: before all). */
    after: number;
    at: number;
    change: "create" | "add" | "remove" | "rename" | "leave" | "promote" | "demote" | "invite" | "join" | "retention";
    by: number;
    member?: number;
    name?: string;
    days?: number | null;
}

// -------------------------------------------------------------------------------------------------------------- state

export interface Me {
    id: number;
    name: string;
    email?: string;
    /** `false`: the address is not proved yet (only where the server sends mail). */
    confirmed?: boolean;
    /** File id of the picture. */
    picture?: string | null;
    /** Whether others see when this account was online last, and what it has read. */
    last_seen?: boolean;
    read_receipts?: boolean;
    /** Bytes that count against the quota, and the quota (absent or 0: none). */
    stored?: number;
    quota?: number;
}

/** The pages before anybody is logged in. */
export interface Auth {
    page: "login" | "signup" | "forgot" | "reset";
    busy: boolean;
    /** The server's sentence, for `role=alert`. */
    error: string | null;
    /** Device clock: until then another try is refused (429). */
    retryAt: number | null;
    /** Invitation or reset code of the address (`#invite=CODE`, `#reset=CODE`). */
    code: string | null;
    /** A sentence that something worked, e.g. "mail was sent"; a key of the strings, see `Notice.text`. */
    done: NoticeKind | null;
    /** Filled in after a signup, so that the login form has it. */
    email: string;
}

export interface Connection {
    status: "connected" | "connecting" | "offline";
    /** Device clock: the next try. `null` while connected, or if there is none. */
    retryAt: number | null;
    /** Failed tries in a row. */
    attempt: number;
    /** Whether missed events are still coming. */
    catchingUp: boolean;
    /** Whether this tab owns the socket and the writes. */
    leader: boolean;
}

/** The last line of a conversation in the list. */
export interface LastLine {
    /** 0 for a message that is not stored yet. */
    id: number;
    from: number;
    at: number;
    content: string;
    deleted?: boolean;
    files?: FileInfo[];
}

export interface Conversation {
    key: Key;
    /** `null`: the account is deleted, or its name is not known. Use `nameOf(state, key)`. */
    name: string | null;
    /** The server's order of the list: higher is later. */
    activity: number;
    last: LastLine | null;
    /** Unread messages of others; 500 means "500 or more". */
    unread: number;
    /** Up to which message this account has read. */
    read: number;
    /** Up to which own message the others have received and read (in groups: all of them). */
    deliveredTo: number;
    readBy: number;
    /** Days that messages are kept; `null`: for ever. */
    days: number | null;
    /** Somebody unknown writes for the first time: show "Accept", "Decline", "Block". */
    request: boolean;
    /** Groups: `null` if this account is no longer in it; `invited` until it answers. */
    role?: "admin" | "member" | "invited" | null;
    picture?: string | null;
    pinned: boolean;
    archived: boolean;
    /** Marked as unread by hand. */
    marked: boolean;
    /** The latest changes, shown as lines between the messages. */
    changes: Change[];
    /** Muted until then; 0: not muted. `isMuted(conversation, now)` of core/select.js. */
    mutedUntil: number;
}

/** What is loaded of a conversation: one window of consecutive messages, oldest first, at most TIMELINE_MAX. */
export interface Timeline {
    key: Key;
    messages: Message[];
    /** Whether there is more before the first and after the last loaded message. */
    older: boolean;
    newer: boolean;
    /** Which page is being asked for. */
    loading: "first" | "older" | "newer" | "around" | null;
    /** Above the first message of others after this one stands "Unread messages"; `null`: no line. It stays until the
     * conversation is left. `rows()` says where. */
    unreadAfter: number | null;
    /** Messages of others that came since the person last was at the bottom: "Jump to newest messages" (count). */
    below: number;
    /** Whether the server has confirmed it since the start; else it is from this device's database. */
    confirmed: boolean;
    /** Whether the end is on screen (intent `bottom`). */
    atEnd: boolean;
    /** The message to bring into view (and to focus, if it was jumped to; else it is the first unread one), and a number
     * that changes each time. `id` 0: the end. */
    target: { id: number; turn: number; focus: boolean } | null;
    /** The page could not be loaded: the server's sentence. */
    error: string | null;
}

/** What stands in the composer of a conversation. Survives reloads and follows into other tabs. */
export interface Draft {
    text: string;
    /** The quoted message. */
    reply: number | null;
    /** The own message that is being edited; `kept` is the text that stood there before. */
    editing: number | null;
    kept: string;
    /** Local ids of attached uploads. */
    uploads: string[];
    /** Changes whenever the text was changed by anything but this tab's typing: then the composer takes it over. */
    turn: number;
}

export interface Upload {
    /** Local id. */
    id: string;
    name: string;
    type: string;
    size: number;
    width?: number;
    height?: number;
    /** Object URL of a preview (pictures), only in the tab that has the file. */
    preview?: string;
    /** `waiting`: for its turn or for the connection; `ready`: on the server as `file`. */
    status: "waiting" | "sending" | "ready" | "failed";
    /** Bytes sent. */
    sent: number;
    file: FileInfo | null;
    error: string | null;
}

export interface Person {
    id: number;
    /** `null`: not known or deleted. */
    name: string | null;
    picture?: string | null;
    online?: boolean;
    lastSeen?: number;
    /** When its name and picture were last asked for, in milliseconds of this device's clock. */
    lookedAt?: number;
}

export interface Member {
    id: number;
    role: "admin" | "member" | "invited";
    delivered: number;
    read: number;
}

export interface Group {
    id: number;
    name: string;
    /** The longest-standing first. */
    members: Member[];
    days: number | null;
}

export interface SearchHit extends Message {
    key: Key;
}

export interface Search {
    text: string;
    busy: boolean;
    /** The request whose answer counts. */
    ref: Ref;
    /** Newest first. `null`: nothing was searched yet. */
    hits: SearchHit[] | null;
    more: boolean;
    error: string | null;
}

/** Looking for somebody by email ("New chat", "New group"). */
export interface Finder {
    email: string;
    busy: boolean;
    person: { id: number; name: string } | null;
    error: string | null;
}

export interface Device {
    id: number;
    /** What the device called itself at its login. */
    device: string;
    current: boolean;
    created_at: number;
    /** When it was used last. */
    seen_at: number;
}

/** Settings of this device. */
export interface Settings {
    theme: "auto" | "light" | "dark";
    /** `""`: the browser's language. */
    language: string;
    /** Whether Enter sends (else Shift+Enter does). */
    enterSends: boolean;
    /** Desktop notifications and sound on this device. */
    notifications: boolean;
    sound: boolean;
    /** Web Push for this device. */
    push: boolean;
    /** Text size in percent. */
    textSize: number;
}

/** What the browser allows here; why not, if not. */
export interface Abilities {
    /** Plain http on a name: no service worker, notifications, push, locks, clipboard. */
    secure: boolean;
    serviceWorker: boolean;
    notifications: "granted" | "denied" | "default" | "missing";
    push: boolean;
    /** IndexedDB works; else nothing is kept over a reload, and a notice says so. */
    storage: boolean;
    /** Whether a touch device, a phone. */
    touch: boolean;
}

/** Words for people are in the strings of the user interface; the core names which. */
export type NoticeKind =
    | "server" /* `text` is the server's sentence */
    | "signed_up"
    | "mail_sent"
    | "password_changed"
    | "email_confirmed"
    | "email_changed"
    | "reported"
    | "storage_failed"
    | "other_version"
    | "clock_wrong" /* `minutes` */
    | "session_ended"
    | "file_too_big" /* `text`: the file's name, `bytes`: the limit */
    | "files_too_many"
    | "text_too_long"
    | "push_refused"
    | "share_where"
    | "not_found";

export interface Notice {
    id: number;
    kind: NoticeKind;
    /** `error`: also `role=alert`. */
    level: "info" | "error";
    text: string;
    minutes?: number;
    bytes?: number;
}

export interface State {
    /** `starting`: not known yet; `out`: the login pages; `in`: logged in. */
    phase: "starting" | "out" | "in";
    build: string;
    /** Another build is on the server: offer "Reload" (intent `reload`). */
    update: boolean;
    abilities: Abilities;
    /** The server's bounds, for messages before the fact. */
    limits: { fileMax: number; contentMax: number; filesMax: number };
    me: Me | null;
    auth: Auth;
    connection: Connection;
    /** Server clock minus device clock; more than 2 minutes off raises the notice `clock_wrong`. */
    clock: { offset: number };
    /** The log: the last event that was taken in, its end at the last welcome, own numbers beyond `seq`. */
    seq: number;
    head: number;
    ahead: number[];
    conversations: Record<Key, Conversation>;
    /** Whether `conversations` was answered since the start, and whether there are more on the server. */
    listed: boolean;
    moreConversations: boolean;
    /** The open conversation. */
    open: Key | null;
    timelines: Record<Key, Timeline>;
    /** Messages that wait, oldest first, over all conversations. */
    outgoing: Outgoing[];
    drafts: Record<Key, Draft>;
    uploads: Record<string, Upload>;
    people: Record<number, Person>;
    groups: Record<number, Group>;
    /** Who types where, until when (device clock). `typists(state, key)`. */
    typing: Record<Key, Record<number, number>>;
    blocked: number[];
    search: Search;
    finder: Finder;
    /** `null`: not loaded. */
    devices: Device[] | null;
    settings: Settings;
    notices: Notice[];
    /** When this account last said that it types, and where (device clock). */
    typed: { key: Key | null; at: number };
    /** Whose presence was asked for. */
    watched: string;
    /** What another app shared with this one: it goes into the composer of the conversation that is opened next. */
    shared: { text: string; files: File[] } | null;
    /** Whether this page is visible and has the focus. */
    focused: boolean;
    /** The highest message that was seen in the open conversation (intent `seen`). */
    seen: Record<Key, number>;
    /** Requests that the server has not answered. */
    asked: Record<Ref, Asked>;
    /** Receipts of messages that are not loaded: applied when they are. */
    early: { id: number; by: number; kind: "delivered" | "read" }[];
    /** Says which text a screen reader's one live region reads: a new message's `id`, its conversation, its text. */
    announce: { key: Key; id: number; from: number; content: string } | null;
    /** What the settings dialog is doing: sentence of the last error, e.g. a wrong password. */
    account: { busy: boolean; error: string | null; done: NoticeKind | null };
    /** Counter for `turn`s and notices. */
    turn: number;
}

/** A request without an answer. */
export interface Asked {
    frame: ClientFrame;
    /** Kept over a reload: it changes something. */
    keep: boolean;
    key?: Key;
    /** What to do with the answer. */
    purpose?: "first" | "older" | "newer" | "around" | "list" | "list.more" | "search" | "open";
    /** The message that a page is asked around. */
    target?: number;
    /** The list's newest activity when it was asked for. */
    bound?: number;
    /** It was refused for the rate and goes out again by itself. */
    again?: boolean;
}

// ------------------------------------------------------------------------------------------------------------ intents

/** What the user interface dispatches. Links are plain `<a href="#/u2">`: the address is the open conversation. */
export type Intent =
    // before the login
    | { type: "auth.page"; page: Auth["page"] }
    | { type: "login"; email: string; password: string; device?: string }
    | { type: "signup"; email: string; name: string; password: string }
    | { type: "reset.request"; email: string }
    | { type: "reset.confirm"; password: string }
    // the account
    | { type: "logout" }
    | { type: "logout.everywhere" }
    | { type: "account.load" }
    | { type: "account.name"; name: string }
    | { type: "account.email"; email: string; password: string }
    | { type: "account.password"; old: string; new: string }
    | { type: "account.picture"; file: File | null }
    | { type: "account.privacy"; last_seen?: boolean; read_receipts?: boolean }
    | { type: "account.delete"; password: string }
    | { type: "account.export" }
    | { type: "devices" }
    | { type: "device.end"; id: number }
    // conversations
    | { type: "open"; key: Key | null; id?: number }
    | { type: "find"; email: string }
    | { type: "find.clear" }
    /** Looks for the email and opens the conversation. */
    | { type: "start"; email: string }
    | { type: "conversations.more" }
    | { type: "set"; key: Key; muted_until?: number; pinned?: boolean; archived?: boolean; unread?: boolean }
    | { type: "clear"; key: Key }
    | { type: "retention"; key: Key; days: number | null }
    | { type: "accept"; key: Key }
    | { type: "decline"; key: Key }
    | { type: "block"; id: number }
    | { type: "unblock"; id: number }
    | { type: "report"; id: number; text: string }
    // groups
    | { type: "group.create"; name: string; members: number[] }
    | { type: "group.show"; group: number }
    | { type: "group.add" | "group.remove" | "group.promote" | "group.demote"; group: number; member: number }
    | { type: "group.rename"; group: number; name: string }
    | { type: "group.leave"; group: number }
    // the open conversation
    | { type: "older"; key: Key }
    | { type: "newer"; key: Key }
    /** Jump to newest: to the first unread message if that is below, else to the end. */
    | { type: "newest"; key: Key }
    | { type: "jump"; key: Key; id: number }
    /** The highest message id on screen; say it whenever it grows (IntersectionObserver). The core waits for focus. */
    | { type: "seen"; key: Key; id: number }
    /** Whether the end of the list is on screen (within 15 px). */
    | { type: "bottom"; key: Key; at: boolean }
    // the composer
    | { type: "draft"; key: Key; text: string }
    | { type: "reply"; key: Key; id: number | null }
    /** Puts an own message's text into the draft; `null` takes it back. */
    | { type: "edit"; key: Key; id: number | null }
    | { type: "edit.last"; key: Key }
    | { type: "attach"; key: Key; files: File[] }
    | { type: "upload.cancel"; id: string }
    | { type: "upload.retry"; id: string }
    /** Sends what stands in the draft, or saves the edit. `text` is what stands in the field now. */
    | { type: "send"; key: Key; text: string }
    // messages
    | { type: "retry"; ref: Ref }
    | { type: "discard"; ref: Ref }
    | { type: "react"; key: Key; id: number; emoji: string | null }
    | { type: "delete"; key: Key; id: number; for: "everybody" | "me" }
    | { type: "forward"; from: Key; id: number; to: Key }
    // the rest
    | { type: "search"; text: string }
    | { type: "search.more" }
    | { type: "settings"; set: Partial<Settings> }
    /** Asks the browser for permission; call it from a click. */
    | { type: "notifications.enable" }
    | { type: "push.enable" }
    | { type: "push.disable" }
    | { type: "notice.close"; id: number }
    /** Try to connect now. */
    | { type: "reconnect" }
    /** Reload into the new version; drafts are kept. */
    | { type: "reload" };

/** What else happens; the edges of the client dispatch these. `now` is the device clock. */
export type Event = (
    | Intent
    | { type: "frame"; frame: ServerFrame }
    | { type: "link"; status: Connection["status"]; retryAt?: number | null; attempt?: number; code?: number }
    | { type: "leader"; leader: boolean }
    | { type: "timer"; name: string }
    | { type: "focus"; focused: boolean }
    | { type: "route"; hash: string }
    | { type: "shared"; text: string; files: File[] }
    | { type: "start.loaded"; saved: Saved }
    | { type: "cached"; key: Key; messages: Message[] }
    | { type: "called"; call: string; value: any; args: any }
    | { type: "refused"; call: string; error: ApiError; args: any }
    | { type: "upload"; id: string; set: Partial<Upload> }
    | { type: "abilities"; set: Partial<Abilities> }
    | { type: "limits"; set: Partial<State["limits"]> }
    // from other tabs
    | { type: "draft.other"; key: Key; draft: Draft }
    | { type: "settings.other"; settings: Settings }
    | { type: "outgoing.other"; value: Outgoing }
    | { type: "discard.other"; ref: Ref }
    | { type: "asked.other"; ref: Ref; value: Asked }
    | { type: "out.other" }
    | { type: "in.other" }
    | { type: "storage"; ok: boolean; reason?: "failed" | "other_version" }
    | { type: "push.refused" }
    | { type: "update"; build: string }
) & { now?: number; ref?: Ref };

export interface ApiError {
    status: number;
    code: string;
    message: string;
    /** Milliseconds. */
    retryAfter?: number;
}

/** What is read from the device's database at the start. */
export interface Saved {
    me: Me | null;
    /** Whether somebody may be logged in here, even if `me` is lost. */
    known?: boolean;
    seq: number;
    conversations: Conversation[];
    people: Person[];
    drafts: Record<Key, Draft>;
    outgoing: Outgoing[];
    asked: Record<Ref, Asked>;
    uploads: Upload[];
    settings: Partial<Settings>;
}

/** What the reducer wants done. */
export type Effect =
    | { type: "frame"; frame: ClientFrame }
    | { type: "call"; call: string; args: any }
    | { type: "timer"; name: string; ms: number }
    | { type: "connect" }
    | { type: "disconnect" }
    | { type: "probe" }
    | { type: "cache"; key: Key }
    /** `own`: this tab's doing; else only the leader writes it. `ack`: acknowledge that once it is written. */
    | { type: "save"; write: Write[]; own: boolean; ack: number }
    /** Forgets what this device has; `all`: also what was typed and not sent. */
    | { type: "wipe"; all: boolean }
    | { type: "route" }
    | { type: "hash"; hash: string; replace?: boolean }
    | { type: "prepare"; id: string; file: File }
    | { type: "upload"; id: string }
    | { type: "upload.stop"; id: string; file: string | null }
    | { type: "notify"; key: Key; id: number }
    | { type: "unnotify"; key: Key }
    | { type: "permission" }
    | { type: "push"; on: boolean }
    | { type: "download"; value: unknown; name: string }
    /** For the other tabs. */
    | { type: "tell"; event: Event }
    | { type: "reload" };

/** One write to the device's database. */
export type Write =
    | { put: "messages"; key: Key; messages: Message[] }
    /** Changes a message that may not be loaded. */
    | { patch: number; change: MessageChange }
    | { drop: "messages"; key: Key; id?: number }
    | { drop: "all messages" }
    | { put: "conversation"; value: Conversation }
    | { drop: "conversation"; key: Key }
    | { put: "people"; value: Person[] }
    | { put: "meta"; name: "me" | "seq" | "settings"; value: any }
    | { put: "draft"; key: Key; value: Draft | null }
    | { put: "outgoing"; value: Outgoing }
    | { drop: "outgoing"; ref: Ref }
    | { put: "asked"; ref: Ref; value: Asked }
    | { drop: "asked"; ref: Ref }
    | { put: "upload"; value: Upload }
    | { drop: "upload"; id: string };

/** What an event changes in a message. */
export type MessageChange = {
    content?: string;
    edited_at?: number;
    deleted?: true;
    react?: { by: number; emoji: string | null };
};

/** Frames: docs/schema.json has them in detail. test/unit/frames.test.js holds what is sent against it, golden.test.js
 * plays what the server sends. */
export type ClientFrame = { type?: string; ref?: Ref; [key: string]: any };
export type ServerFrame = { type: string; ref?: Ref; [key: string]: any };

/** What the user interface gets from main.js. */
export interface Store {
    readonly state: State;
    dispatch(intent: Intent): void;
    /** Calls `render` once now and after changes, at most once per task. Returns the way to end it. */
    subscribe(render: (state: State) => void): () => void;
}

// ---------------------------------------------------------------------------------------- what core/select.js returns

/** An item of the list "Conversations". */
export interface ListItem {
    key: Key;
    href: string;
    name: string;
    /** Last line without markup; `""` if there is none. Files are named by `files`. */
    line: string;
    /** Who wrote it, in groups; `null`: nobody or not needed. */
    by: string | null;
    mine: boolean;
    deleted: boolean;
    files: FileInfo[];
    at: number;
    tick: Tick;
    unread: number;
    marked: boolean;
    /** Text of the draft, if there is one and the conversation is not open. */
    draft: string;
    typing: boolean;
    online: boolean;
    pinned: boolean;
    muted: boolean;
    archived: boolean;
    request: boolean;
    invited: boolean;
    current: boolean;
    picture: string | null;
}

/** A line of the list "Messages". `id` is stable: use it as the key of the DOM node. */
export type Row =
    | { kind: "day"; id: string; at: number }
    | { kind: "unread"; id: "unread" }
    | { kind: "change"; id: string; change: Change }
    | {
          kind: "message";
          /** The ref while it waits; the same node goes on when it is stored (see `RowMessage.was`). */
          id: string;
          message: Message;
          mine: boolean;
          tick: Tick;
          /** The sender's name, for groups and for the accessible name. */
          name: string;
          /** First and last of a series by one sender within 5 minutes: for bubbles. */
          first: boolean;
          last: boolean;
          /** The quoted message, if it is loaded; `null`: not loaded. */
          quote: { id: number; name: string; mine: boolean; content: string; deleted: boolean } | null;
          /** Waiting or refused. */
          outgoing: Outgoing | null;
          uploads: Upload[];
          /** What one may do with it now. */
          can: { reply: boolean; react: boolean; edit: boolean; delete: boolean; copy: boolean; forward: boolean };
          big: boolean;
      };
