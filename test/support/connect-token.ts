/** A connect token as a client reads it: claims in the middle, and nothing that could be verified. */
export function readableToken(claims: object, header = "header"): string {
  const payload = btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${header}.${payload}.signature`;
}
