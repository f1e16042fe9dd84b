/** The Worker: the API, the consumer of the lanes, and the classes of its objects. */
import { app } from "./http/app.ts";
import { queue } from "./lanes/queue.ts";
import { assertLimits } from "./limits.ts";

export { UserHub } from "./hub/user-hub.ts";
export { DeadLetters } from "./lanes/dead-letters.ts";
export { Outbox } from "./lanes/outbox.ts";
export { Meter } from "./observe/meter.ts";

assertLimits();

export default { fetch: app.fetch, queue } satisfies ExportedHandler<Env>;
