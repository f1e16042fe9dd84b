/** The Worker: the API, the consumer of the lanes, and the classes of its objects. */
import { app } from "./http/app.ts";
import { queue } from "./lanes/queue.ts";
import { assertLimits } from "./limits.ts";

export { Everyone } from "./everyone/everyone.ts";
export { EveryoneShard } from "./everyone/shard.ts";
export { UserHub } from "./hub/user-hub.ts";
export { DeadLetters } from "./lanes/dead-letters.ts";
export { Outbox } from "./lanes/outbox.ts";
export { Meter } from "./observe/meter.ts";
export { Receipts } from "./receipts/receipts.ts";
export { Topic } from "./topics/topic.ts";

assertLimits();

export default { fetch: app.fetch, queue } satisfies ExportedHandler<Env>;
