/** The tables of a user's object, and how an older object's tables become the current ones. */

/**
 * Each entry brings the storage one version further. Entries are never changed once released, only
 * added; all missing ones run inside one transaction, so that a crash half way leaves the old version.
 *
 * A message costs two written rows, itself and its id; hence no further index. Its row outlives its
 * body, so that the id is known again and the gap it leaves has a reason.
 */
const migrations: readonly string[] = [
  `CREATE TABLE meta (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     epoch TEXT NOT NULL,
     head INTEGER NOT NULL,
     clock INTEGER NOT NULL,
     floor INTEGER NOT NULL,
     read_up_to INTEGER NOT NULL,
     rev INTEGER NOT NULL,
     erased_at INTEGER NOT NULL,
     revoked_before INTEGER NOT NULL
   );
   CREATE TABLE messages (
     seq INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     type TEXT NOT NULL,
     priority TEXT NOT NULL,
     at INTEGER NOT NULL,
     committed INTEGER NOT NULL,
     expires INTEGER NOT NULL,
     collapse_key TEXT,
     bytes INTEGER NOT NULL,
     body TEXT NOT NULL,
     gone TEXT,
     gone_at INTEGER,
     read INTEGER
   );
   CREATE TABLE devices (
     device TEXT PRIMARY KEY,
     acked INTEGER NOT NULL,
     seen INTEGER NOT NULL,
     history TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE used_tokens (
     id TEXT PRIMARY KEY,
     expires INTEGER NOT NULL
   ) WITHOUT ROWID;`,
  // Rare things stand in tables of their own, so that a plain message stays at two rows. `watched` holds
  // the messages of which an acknowledgement or a reading means more than that; `withdrawn` the ids that
  // must not come (again); `receipts` what the webhook is still to be told.
  `ALTER TABLE meta ADD COLUMN log_seen INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE meta ADD COLUMN digest_at INTEGER;
   ALTER TABLE messages ADD COLUMN topic TEXT;
   ALTER TABLE messages ADD COLUMN category TEXT;
   ALTER TABLE messages ADD COLUMN replaces TEXT;
   ALTER TABLE messages ADD COLUMN attention TEXT;
   CREATE TABLE watched (
     seq INTEGER PRIMARY KEY,
     cancel_on TEXT,
     receipts INTEGER NOT NULL
   );
   CREATE TABLE withdrawn (
     id TEXT PRIMARY KEY,
     at INTEGER NOT NULL,
     reason TEXT NOT NULL,
     within TEXT
   ) WITHOUT ROWID;
   CREATE TABLE scheduled (
     id TEXT PRIMARY KEY,
     due INTEGER NOT NULL,
     message TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE topics (
     topic TEXT PRIMARY KEY,
     member INTEGER NOT NULL,
     presence INTEGER NOT NULL,
     version INTEGER NOT NULL,
     pending INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE presence_told (
     one INTEGER PRIMARY KEY CHECK (one = 1)
   );
   CREATE TABLE preferences (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     value TEXT NOT NULL
   );
   CREATE TABLE receipts (
     n INTEGER PRIMARY KEY,
     event TEXT NOT NULL
   );`,
];

/** The version of the storage; 0 where there is none. `PRAGMA user_version` is not authorised in objects, hence a table. */
export function schemaVersion(sql: SqlStorage): number {
  const exists = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema'").toArray();
  if (exists.length === 0) return 0;
  return sql.exec<{ version: number }>("SELECT version FROM schema").one().version;
}

/**
 * Brings the storage to the current version; a newer one, from before a deployment was rolled back, stays as it is. To be
 * called inside a transaction.
 */
export function migrate(sql: SqlStorage): void {
  const version = schemaVersion(sql);
  if (version >= migrations.length) return;
  if (version === 0)
    sql.exec("CREATE TABLE schema (version INTEGER NOT NULL); INSERT INTO schema (version) VALUES (0);");
  for (const step of migrations.slice(version)) sql.exec(step);
  sql.exec("UPDATE schema SET version = ?", migrations.length);
}
