/**
 * The little that the pages need to make elements. Text stays text: nothing here reads HTML, and the pages' Trusted
 * Types would not let it.
 */

/**
 * The element of the page with this id.
 * @throws when there is none of this kind: page and script don't belong together.
 */
export function byId<Kind extends Element>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/** An element: `element("p", { class: "muted" }, "Nothing here yet")`. An attribute that is `undefined` is left out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Sets the text only where it changes, so that a screen reader hears nothing twice. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
