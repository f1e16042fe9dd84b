/**
 * What an app does with the SDKs, from the package alone: connects a device, pushes a message, gets it, marks it
 * as read, closes. Installed into an empty project by test/process/package.test.ts and run there, unchanged, by every
 * runtime that the SDKs are made for.
 */
import { HubClient, type Message } from "hubbub/client";
import { HubPublisher } from "hubbub/publisher";

interface Types {
  readonly greeting: { readonly text: string };
}

export interface Trip {
  readonly url: string;
  /** An API key that may publish and make tokens. */
  readonly key: string;
  readonly user: string;
}

/** The text that arrived, what of the inbox was unread after it was read, and what happened to the connection. */
export interface Arrival {
  readonly text: string;
  readonly unread: number;
  readonly states: readonly string[];
}

export async function roundTrip({ url, key, user }: Trip): Promise<Arrival> {
  const hub = new HubPublisher<Types>({ url, key });
  const states: string[] = [];
  const live = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const client = new HubClient<Types>({
    url,
    token: async () => (await hub.token(user)).token,
    onStatus: ({ state }) => {
      states.push(state);
      if (state === "live") live.resolve();
      if (state === "stopped") stopped.resolve();
    },
  });
  const arrived = Promise.withResolvers<Message<"greeting", Types["greeting"]>>();
  client.on("greeting", arrived.resolve);
  await client.start();
  await live.promise;
  await hub.publish({ to: { user }, type: "greeting", data: { text: `Hello, ${user}!` } });
  const { id, data } = await arrived.promise;
  await client.read({ ids: [id] });
  const { state } = await client.inbox();
  client.close();
  await stopped.promise;
  return { text: data.text, unread: state.unread, states };
}
