/** Where one is in a listing that is paged by cursors, and how one came there. Pure. */

/** The cursors of the pages opened so far, the shown one last. Empty: the first page, which has none. */
export type Trail<Cursor> = readonly Cursor[];

export const firstPage: Trail<never> = [];

export function cursorOf<Cursor>(trail: Trail<Cursor>): Cursor | undefined {
  return trail.at(-1);
}

export function older<Cursor>(trail: Trail<Cursor>, next: Cursor): Trail<Cursor> {
  return [...trail, next];
}

export function newer<Cursor>(trail: Trail<Cursor>): Trail<Cursor> {
  return trail.slice(0, -1);
}
