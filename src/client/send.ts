/** What devices send to the handlers of a hub, as types. */

/**
 * The handlers that an app declares, by name: what each takes, and what it answers. The hub has checked the
 * data when the handler gets it.
 *
 * ```ts
 * interface Handlers {
 *   "todo.done": { readonly data: { readonly todo: number }; readonly result: { readonly left: number } };
 * }
 * const { left } = await new HubClient<Types, Handlers>({ url, token }).send("todo.done", { todo: 7 });
 * ```
 */
export type HandlerTypes<Handlers> = {
  readonly [Name in keyof Handlers]: { readonly data: unknown; readonly result: unknown };
};

/** Of an app that declares none: any name, and what comes back must be looked at. */
export type AnyHandlers = Record<string, { readonly data: unknown; readonly result: unknown }>;
