/**
 * One connection for all tabs of a browser. One of them leads and holds it; to the others it is a small
 * hub over a BroadcastChannel, and each runs the same machine on what it hears.
 */
import * as closeCodes from "../../protocol/close-code-table.ts";
import { bandOf, closeBands } from "../../protocol/close-codes.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import type { Seq } from "../../protocol/seq.ts";
import type { Refusal, Tell } from "../connected.ts";
import type { Connection, Connector, Happening, Resume } from "../connector.ts";
import * as clientLimits from "../limits.ts";
import { randomId } from "../random-id.ts";
import { Election, type Locks } from "./election.ts";
import { acknowledgeable, fed, noted, type Paces, patienceMs, without } from "./pace.ts";
import { disconnected, emptyRelay, join, type Relay, take } from "./relay.ts";
import type { SharedProgress } from "./shared-progress.ts";
import { isWord, type TabId, type Word } from "./words.ts";

/** The part of a BroadcastChannel that is needed. */
export interface Channel {
  postMessage(word: unknown): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}

export interface Surroundings {
  readonly locks: Locks;
  readonly Channel: new (name: string) => Channel;
  readonly progress: SharedProgress;
}

export class SharedConnector implements Connector {
  readonly #tab: TabId = randomId();
  readonly #name: string;
  readonly #direct: Connector;
  readonly #Channel: Surroundings["Channel"];
  readonly #progress: SharedProgress;
  readonly #told: Tell;
  readonly #election: Election;
  /** While it takes part. */
  #channel: Channel | undefined;
  #relay: Relay = emptyRelay;
  /** What the connection of this tab, while it follows, is told. */
  #tell: ((happening: Happening) => void) | undefined;
  /** While it follows: what it has handled, and up to where it was told. */
  #handled: Seq = 0;
  #toldTo: Seq = 0;
  /** It is told no more for now, having so much to handle: it joins again when that is done. */
  #sated = false;
  /** The connection of this tab, while it leads. */
  #hub: Connection | undefined;
  #paces: Paces = new Map();
  #acked: Seq = 0;
  /** How the connection ended, until there is another one. */
  #end: Refusal | undefined;
  #impatience: ReturnType<typeof setTimeout> | undefined;
  /** Tabs for which the next connection must begin earlier, and where they are: they are waited for from its start. */
  #behind: Paces = new Map();
  /** Until when the connection may be replaced by one that the leader before was opening when it went. */
  #hauntedUntil = 0;

  /**
   * @param name of what is shared: the tabs of the same name share a connection
   * @param direct a connection of this tab's own
   */
  constructor(name: string, direct: Connector, { locks, Channel, progress }: Surroundings, tell: Tell) {
    this.#name = name;
    this.#direct = direct;
    this.#Channel = Channel;
    this.#progress = progress;
    this.#told = tell;
    this.#election = new Election(locks, name, () => {
      this.#begin();
      tell({ type: "reopen", patient: true });
    });
  }

  /** Whether this tab holds the connection. */
  get leading(): boolean {
    return this.#election.leading;
  }

  /** Takes part. Rejects where the browser denies that to the page. */
  async enter(): Promise<void> {
    const channel = new this.#Channel(this.#name);
    channel.addEventListener("message", ({ data }) => {
      if (isWord(data)) this.#hear(data);
    });
    this.#channel = channel;
    this.#progress.follow();
    await this.#election.enter();
    if (this.leading) this.#begin();
  }

  /**
   * Leaves the other tabs to themselves, until it enters again.
   * @param why as in the status `stopped`: what the hub refuses to this tab, it refuses to all of them
   */
  leave({ code = closeCodes.normal, reason = "" }: Partial<Refusal> = {}): void {
    const refused = this.leading && code !== closeCodes.normal;
    if (refused) this.#post({ kind: "refused", code, reason });
    this.#hub?.close(closeCodes.normal, "left");
    if (this.#hub !== undefined) this.#ended(closeCodes.normal, "left");
    this.#post({ kind: "leave", tab: this.#tab });
    this.#channel?.close();
    this.#channel = undefined;
    this.#election.leave(refused ? clientLimits.refusalMs : 0);
  }

  open(resume: Resume, tell: (happening: Happening) => void): Connection {
    return this.leading ? this.#lead(resume, tell) : this.#follow(resume, tell);
  }

  /** Somebody looks at this tab, whose connection another one may hold. */
  hurry(): void {
    if (!this.leading) this.#post({ kind: "hurry" });
  }

  /** As the leader. */
  #begin(): void {
    this.#progress.lead();
    this.#end = undefined;
    this.#hauntedUntil = performance.now() + clientLimits.connectTimeoutMs;
    this.#tell = undefined;
    this.#relay = disconnected(this.#relay);
  }

  #lead(resume: Resume, tell: (happening: Happening) => void): Connection {
    const places = [...this.#behind.values()].map(({ acked }) => acked);
    const from = resume && { ...resume, seq: Math.min(resume.seq, ...places) };
    const hub = this.#direct.open(from, (told) => {
      const happening = this.#excuse(told);
      // The other tabs first: what this one has handled and saved, they have been told of.
      this.#passOn(happening);
      tell(happening);
    });
    this.#hub = hub;
    return {
      send: (said) => {
        if (typeof said !== "string" && said.type === "ack") this.#note(this.#tab, Number(said.seq));
        else hub.send(said);
      },
      close: (code, reason) => {
        hub.close(code, reason);
        // One that the tab left when it went into the browser's cache has ended long ago.
        if (this.#hub === hub) this.#ended(code, reason);
      },
    };
  }

  /** Replaced by a tab that is gone: that is no reason to stop. Once, since another device may bear the same name. */
  #excuse(happening: Happening): Happening {
    if (happening.type !== "closed" || happening.code !== closeCodes.replaced) return happening;
    if (performance.now() >= this.#hauntedUntil) return happening;
    this.#hauntedUntil = 0;
    return { ...happening, code: closeCodes.resync };
  }

  #follow(resume: Resume, tell: (happening: Happening) => void): Connection {
    this.#tell = tell;
    this.#handled = this.#toldTo = resume?.seq ?? 0;
    this.#sated = false;
    this.#post({ kind: "join", tab: this.#tab, ...(resume === undefined ? {} : { resume }) });
    return {
      send: (said) => {
        if (typeof said === "string") this.#post({ kind: "ping", tab: this.#tab });
        else if (said.type === "ack") this.#acknowledgeAsFollower(Number(said.seq));
      },
      close: () => {
        this.#tell = undefined;
        this.#post({ kind: "leave", tab: this.#tab });
      },
    };
  }

  #passOn(happening: Happening): void {
    if (happening.type === "closed") this.#ended(happening.code, happening.reason);
    if (happening.type !== "frame") return;
    const { frame } = happening;
    const { received } = this.#relay;
    this.#relay = take(this.#relay, frame);
    if (frame.type === "welcome") {
      this.#end = undefined;
      const now = performance.now();
      this.#paces = noted(new Map(), this.#tab, frame.from, now);
      for (const [tab, { acked }] of this.#behind) this.#paces = noted(this.#paces, tab, acked, now);
      this.#behind = new Map();
      this.#acked = frame.from;
      this.#post({ kind: "lead" });
    } else if (frame.type !== "reauth") {
      this.#post({ kind: "frame", frame });
      if (this.#relay.received > received) {
        this.#paces = fed(this.#paces, received, performance.now());
        this.#acknowledge();
      }
    }
  }

  #ended(code: number, reason: string): void {
    clearTimeout(this.#impatience);
    this.#hub = undefined;
    this.#relay = disconnected(this.#relay);
    this.#paces = new Map();
    this.#end = { code, reason };
    this.#post({ kind: "closed", ...this.#end });
  }

  #note(tab: TabId, acked: Seq): void {
    this.#paces = noted(this.#paces, tab, acked, performance.now());
    this.#acknowledge();
  }

  /** Tells the hub what all tabs have handled, if that is more than before; later more, if somebody turns out to be stuck. */
  #acknowledge(): void {
    clearTimeout(this.#impatience);
    if (this.#relay.welcome === undefined) return;
    const { epoch, received } = this.#relay;
    const now = performance.now();
    const seq = acknowledgeable(this.#paces, received, now);
    if (seq > this.#acked) {
      this.#acked = seq;
      this.#hub?.send({ type: "ack", epoch, seq });
    }
    const waitMs = patienceMs(this.#paces, seq, now);
    if (Number.isFinite(waitMs)) this.#impatience = setTimeout(() => this.#acknowledge(), Math.ceil(waitMs));
  }

  #hear(word: Word): void {
    if (this.leading) this.#hearFollower(word);
    else this.#hearLeader(word);
  }

  #hearLeader(word: Word): void {
    if (word.kind === "lead") {
      this.#told({ type: "reopen", patient: false });
    } else if (word.kind === "refused") {
      this.#told({ type: "stop", code: word.code, reason: word.reason });
    } else if (word.kind === "closed" && (word.to ?? this.#tab) === this.#tab) {
      this.#relay = disconnected(this.#relay);
      this.#tell?.({ type: "closed", code: word.code, reason: word.reason });
    } else if (word.kind === "frame" && (word.to ?? this.#tab) === this.#tab) {
      this.#relay = take(this.#relay, word.frame);
      this.#tellFrame(word.frame);
    } else if (word.kind === "heard" && word.to === this.#tab) {
      this.#tell?.({ type: "heard" });
    }
  }

  /** A tab that is stuck must not pile up what the others go on with. */
  #tellFrame(frame: ServerFrame): void {
    if (frame.type === "welcome") this.#handled = this.#toldTo = frame.from;
    const last = lastOf(frame);
    this.#sated ||= last !== undefined && this.#toldTo - this.#handled >= clientLimits.heldForTabs;
    if (last !== undefined && this.#sated) return;
    this.#toldTo = last ?? this.#toldTo;
    this.#tell?.({ type: "frame", frame });
  }

  #acknowledgeAsFollower(seq: Seq): void {
    this.#handled = seq;
    this.#post({ kind: "ack", tab: this.#tab, seq });
    if (this.#sated && seq >= this.#toldTo) this.#told({ type: "reopen", patient: false });
  }

  #hearFollower(word: Word): void {
    if (word.kind === "join") {
      this.#admit(word.tab, word.resume);
    } else if (word.kind === "leave") {
      this.#paces = without(this.#paces, word.tab);
      this.#behind = without(this.#behind, word.tab);
      this.#acknowledge();
    } else if (word.kind === "ack") {
      this.#note(word.tab, word.seq);
    } else if (word.kind === "hurry") {
      this.#told({ type: "hurry" });
    } else if (word.kind === "ping" && this.#relay.welcome !== undefined) {
      this.#post({ kind: "heard", to: word.tab });
    }
  }

  #admit(tab: TabId, resume: Resume): void {
    const answer = join(this.#relay, resume);
    if (answer === undefined) {
      // It tries again by itself, and is called as soon as there is a connection.
      // What the hub refuses is told once, or who was refused once would seem to be refused again.
      const end = this.#end;
      if (end !== undefined && bandOf(end.code) !== closeBands.stop) {
        this.#post({ kind: "closed", to: tab, ...end });
      }
      return;
    }
    if ("rewindTo" in answer) {
      this.#behind = noted(this.#behind, tab, answer.rewindTo, performance.now());
      this.#told({ type: "reopen", patient: false });
      return;
    }
    for (const frame of answer) this.#post({ kind: "frame", to: tab, frame });
    this.#note(tab, answer[0].from);
  }

  #post(word: Word): void {
    this.#channel?.postMessage(word);
  }
}

/** The last number of the stream that a frame brings; `undefined` where it brings none. */
function lastOf(frame: ServerFrame): Seq | undefined {
  if (frame.type === "gap") return frame.to;
  return frame.type === "messages" ? frame.messages.at(-1)?.seq : undefined;
}
