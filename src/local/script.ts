/** How the scripts of this folder end: with a sentence that says what to do, instead of a stack. */

/** Something the developer can put right. */
export class Advice extends Error {
  override readonly name = "Advice";
}

/** Runs a script; what it throws as {@link Advice} is told, and everything else is a bug with its stack. */
export async function runScript(script: (args: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await script(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Advice)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
