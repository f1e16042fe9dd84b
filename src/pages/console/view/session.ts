/**
 * The operator's key, for as long as the tab lives. It stays in `sessionStorage`, which no other tab and no later
 * visit sees. Leaving reloads the page, so that nothing of what was shown stays behind.
 */

const keyName = "hubbub.console.key";
const wordName = "hubbub.console.word";

export function keptKey(): string | undefined {
  return sessionStorage.getItem(keyName) ?? undefined;
}

export function keep(key: string): void {
  sessionStorage.setItem(keyName, key);
}

/** @param word what the next page load says of the reason */
export function leave(word: string): void {
  sessionStorage.removeItem(keyName);
  sessionStorage.setItem(wordName, word);
  location.reload();
}

/** Why the page was left; told once. */
export function lastWord(): string {
  const word = sessionStorage.getItem(wordName) ?? "";
  sessionStorage.removeItem(wordName);
  return word;
}
