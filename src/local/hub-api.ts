/** The two calls of the hub's API that the scripts make as a publisher would, with advice in place of errors. */
import { HubError, HubPublisher, type PublishMessage } from "../publisher/index.ts";
import { Advice } from "./script.ts";
import type { LocalHub } from "./workspace.ts";

export interface HubApi {
  /** A connect token for the user. */
  token(user: string): Promise<string>;
  /** Publishes one message; resolves with its id once the hub has accepted it. */
  push(message: PublishMessage): Promise<string>;
}

/** @throws {Advice} from its calls, when the hub does not run or refuses. */
export function hubApi({ url, apiKey }: LocalHub): HubApi {
  // One try: whoever sits at the terminal is told at once that no hub runs.
  const publisher = new HubPublisher({ url, key: apiKey, attempts: 1 });
  const advise = (error: unknown): never => {
    throw new Advice(
      error instanceof HubError
        ? `The hub refused: ${error.message}`
        : `No hub answers at ${url}. Is \`npm start\` running?`,
    );
  };
  return {
    token: async (user) => (await publisher.token(user).catch(advise)).token,
    push: async (message) => (await publisher.publish(message).catch(advise)).id,
  };
}
