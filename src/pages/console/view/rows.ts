/** Lists that are asked for again and again: a row stays the same element, so that what is open or has the focus stays so. */

export interface Row<Item> {
  readonly element: Element;
  /** Shows the item as it is now. */
  readonly update: (item: Item) => void;
}

/** A function that shows these items, in this order, as the children of the parent. */
export function keyedRows<Item>(
  parent: Element,
  keyOf: (item: Item) => string,
  rowOf: (item: Item) => Row<Item>,
): (items: readonly Item[]) => void {
  let shown = new Map<string, Row<Item>>();
  return (items) => {
    const rows = new Map<string, Row<Item>>();
    for (const item of items) {
      const row = shown.get(keyOf(item)) ?? rowOf(item);
      row.update(item);
      rows.set(keyOf(item), row);
    }
    for (const [key, { element }] of shown) {
      if (!rows.has(key)) element.remove();
    }
    let place = parent.firstElementChild;
    for (const { element } of rows.values()) {
      // Only what stands in the wrong place is moved: moving takes the focus away.
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
    }
    shown = rows;
  };
}

/** Shows anew; where the row that had the focus is gone, the title gets it, and from there the next key goes on to what is there. */
export function withFocusKept(rows: Element, title: HTMLElement, show: () => void): void {
  const within = rows.contains(document.activeElement);
  show();
  if (within && !rows.contains(document.activeElement)) title.focus();
}
