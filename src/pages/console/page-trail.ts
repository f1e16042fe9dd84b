/** Where one is in a listing that is paged by cursors, and how one came there. Pure. */

/** The cursors of the pages opened so far, the shown one last. Empty: the first page, which has none. */
export type Trail = readonly number[];

export const firstPage: Trail = [];

export function cursorOf(trail: Trail): number | undefined {
  return trail.at(-1);
}

export function older(trail: Trail, next: number): Trail {
  return [...trail, next];
}

export function newer(trail: Trail): Trail {
  return trail.slice(0, -1);
}
