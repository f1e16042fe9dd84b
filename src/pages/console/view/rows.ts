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
