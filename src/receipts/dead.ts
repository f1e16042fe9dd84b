/** The receipts of messages that became dead letters: of these no object tells, since none has taken them. Pure. */
import type { DeadRecord } from "../lanes/dead-record.ts";
import { type ReceiptEvent, receiptEvent } from "./event.ts";

export function deathsOf(records: readonly DeadRecord[]): ReceiptEvent[] {
  return records.flatMap((record) =>
    "raw" in record || record.message.receipts !== true
      ? []
      : record.users.map((user) =>
          receiptEvent({
            message: record.message.id,
            user,
            state: "dead",
            reason: record.reason,
            at: record.at,
          }),
        ),
  );
}
