/** Waiting for what must happen: looks again and again until it has, and fails when it never does. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  {
    timeoutMs = 10_000,
    what = () => "the condition holds",
  }: { timeoutMs?: number; what?: () => string } = {},
): Promise<void> {
  const giveUp = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > giveUp) throw new Error(`waited ${timeoutMs} ms in vain until ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
