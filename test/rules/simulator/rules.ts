/**
 * The rules under test, in one object, so that a planted bug replaces exactly one of them. The models
 * call nothing else to decide anything.
 */
import { step } from "../../../src/client/machine.ts";
import { commit } from "../../../src/hub/commit.ts";
import { deletableAt, due, lowered, nextDeadline, nextLook, sweepAt } from "../../../src/hub/deadlines.ts";
import { acknowledge, express, type Opening, open, pump, type Resume } from "../../../src/hub/stream.ts";
import { deadKey } from "../../../src/lanes/dead-record.ts";
import { plan } from "../../../src/lanes/plan.ts";
import { settle } from "../../../src/lanes/settle.ts";
import type { Epoch, Seq } from "../../../src/protocol/seq.ts";

export interface Rules {
  readonly commit: typeof commit;
  readonly express: typeof express;
  readonly pump: typeof pump;
  readonly acknowledge: typeof acknowledge;
  /** `remembered` is what the object knows of the device by itself. The real rule must not, and does not, look at it. */
  readonly open: (resume: Resume | undefined, epoch: Epoch, head: Seq, remembered: Seq) => Opening;
  readonly due: typeof due;
  readonly nextLook: typeof nextLook;
  readonly nextDeadline: typeof nextDeadline;
  readonly sweepAt: typeof sweepAt;
  readonly deletableAt: typeof deletableAt;
  readonly lowered: typeof lowered;
  readonly plan: typeof plan;
  readonly settle: typeof settle;
  readonly deadKey: typeof deadKey;
  readonly step: typeof step;
}

export const realRules: Rules = {
  commit,
  express,
  pump,
  acknowledge,
  open,
  due,
  nextLook,
  nextDeadline,
  sweepAt,
  deletableAt,
  lowered,
  plan,
  settle,
  deadKey,
  step,
};
