/** The user's account at a hub: all that a client asks for over HTTP. Loaded with the way to connect, or when it is first used. */
import { type InboxPage, type InboxQuery, inParts, isInboxPage, type Marked, queryText } from "./inbox.ts";
import { isPreferences, type Preferences } from "./preferences.ts";
import { call, insist, type Line } from "./request.ts";
import { isFields } from "./shape.ts";
import { Tokens } from "./tokens.ts";
import {
  isTopicList,
  pathOf,
  type Run,
  type SubscribeOptions,
  type Subscription,
  subscribeInRun,
} from "./topics.ts";

/** Its functions reject as {@link call} and {@link insist} do. */
export class Account implements Line {
  readonly url: URL;
  readonly tokens: Tokens;
  readonly back: Line["back"];

  /** @param token the app's own function */
  constructor(url: URL, token: () => Promise<string>, back: Line["back"]) {
    this.url = url;
    this.tokens = new Tokens(token);
    this.back = back;
  }

  async inbox(query: InboxQuery): Promise<InboxPage> {
    const page = await call(this, { method: "GET", path: `messages?${queryText(query)}` });
    if (isInboxPage(page)) return page;
    throw new Error("the hub gave no inbox");
  }

  async read(marked: Marked): Promise<void> {
    for (const body of inParts(marked)) await insist(this, { method: "POST", path: "read", body });
  }

  async subscribe(topic: string, options: SubscribeOptions = {}): Promise<void> {
    const path = pathOf(topic);
    await insist(this, { method: "PUT", path, body: options });
  }

  async unsubscribe(topic: string): Promise<void> {
    const path = pathOf(topic);
    await insist(this, { method: "DELETE", path });
  }

  async topics(): Promise<readonly Subscription[]> {
    const list = await call(this, { method: "GET", path: "topics" });
    if (isTopicList(list)) return list.topics;
    throw new Error("the hub gave no topics");
  }

  /** The topics that the app named when it made the client. */
  subscribeInRun(topics: readonly string[], run: Run): Promise<void> {
    return subscribeInRun((topic) => this.subscribe(topic), topics, run);
  }

  async preferences(): Promise<Preferences> {
    const preferences = await call(this, { method: "GET", path: "preferences" });
    if (isPreferences(preferences)) return preferences;
    throw new Error("the hub gave no preferences");
  }

  /** @param preferences `null`: none at all */
  async setPreferences(preferences: Preferences | null): Promise<void> {
    const path = "preferences";
    await insist(
      this,
      preferences === null ? { method: "DELETE", path } : { method: "PUT", path, body: preferences },
    );
  }

  /** Once: what is done twice may do harm. */
  async send(name: string, data: unknown): Promise<unknown> {
    const answer = await call(this, { method: "POST", path: "send", body: { name, data } });
    if (!isFields(answer)) throw new Error("the hub gave no answer of a handler");
    const { data: result } = answer;
    return result;
  }
}
