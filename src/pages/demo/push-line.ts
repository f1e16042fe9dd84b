/** The line that pushes a message to the user who looks, to be copied into a terminal. */

const message = {
  type: "notification",
  priority: "high",
  data: { title: "Your order is on its way", body: "Two parcels, at your door on Thursday." },
};

export function pushLine(origin: string, user: string): string {
  const body = JSON.stringify({ to: { user }, ...message }, undefined, 1)
    .replaceAll(/\n\s*/g, " ")
    .replaceAll("'", "\\u0027");
  return [
    `curl ${origin}/v1/messages`,
    `-H "Authorization: Bearer $HUBBUB_API_KEY"`,
    `-H "Content-Type: application/json"`,
    `-d '${body}'`,
  ].join(" \\\n  ");
}
