/** The four priorities, most urgent first. Each has a lane of its own. */
export const priorities = ["critical", "high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];

/** 0 for the most urgent; what sorts and what is stored. */
export const priorityRank = { critical: 0, high: 1, normal: 2, low: 3 } as const satisfies Record<
  Priority,
  number
>;
