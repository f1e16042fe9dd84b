/** What a deployment defines, by name. Mistakes in it are told when the hub starts, not when a message comes. */

/** A definition that makes no sense. The hub does not start with one. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
}

/** Definitions of one kind, in the order in which they were given. */
export class Registry<
  Definition extends { readonly name: string },
  Definitions extends readonly Definition[] = readonly Definition[],
> {
  readonly all: Definitions;
  readonly #byName: ReadonlyMap<string, Definition>;

  /** @throws {DefinitionError} when two have the same name */
  constructor(all: Definitions) {
    this.all = all;
    this.#byName = new Map(all.map((definition) => [definition.name, definition]));
    const names = all.map((definition) => definition.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new DefinitionError(`${twice} is defined twice`);
  }

  find(name: string): Definition | undefined {
    return this.#byName.get(name);
  }
}
