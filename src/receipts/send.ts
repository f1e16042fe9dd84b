/** The queue of receipts. */

/** Its name, as in `wrangler.toml`. */
export const receiptsQueue = "hubbub-receipts";

/** One `sendBatch` of bundles; resolves when they are durable. @throws when the queue refuses */
export async function sendReceipts(
  env: Pick<Env, "RECEIPTS">,
  texts: readonly string[],
  delaySeconds = 0,
): Promise<void> {
  await env.RECEIPTS.sendBatch(
    texts.map((body) => ({ body, contentType: "text" as const })),
    { delaySeconds },
  );
}
