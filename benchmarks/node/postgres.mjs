// node-oidc-provider on PostgreSQL: one table, one prepared statement per call. libpq's environment selects the database.
import pg from 'pg';

const pool = new pg.Pool({ max: Number(process.env.SERVE_THREADS) });

await pool.query(`
  CREATE TABLE IF NOT EXISTS payload (
    type text NOT NULL, id text NOT NULL, payload jsonb NOT NULL, grant_id text, uid text, expires_at timestamptz,
    PRIMARY KEY (type, id)
  );
  CREATE INDEX IF NOT EXISTS payload_grant ON payload (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS payload_uid ON payload (uid) WHERE uid IS NOT NULL;
  CREATE INDEX IF NOT EXISTS payload_expires ON payload (expires_at);
`);

// Models whose rows belong to a grant. Grant itself and Session do not, although a Session's payload may name a grant.
const grantable = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

const run = (name, text, values) => pool.query({ name, text, values });
const payloadOf = ({ rows }) => rows[0]?.payload;

class PostgresAdapter {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload, expiresIn) {
    await run(
      'upsert',
      `INSERT INTO payload VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
       ON CONFLICT (type, id) DO UPDATE SET payload = EXCLUDED.payload, grant_id = EXCLUDED.grant_id,
         uid = EXCLUDED.uid, expires_at = EXCLUDED.expires_at`,
      [this.model, id, payload, grantable.has(this.model) ? payload.grantId : null, payload.uid, expiresIn],
    );
  }

  async find(id) {
    return payloadOf(await run(
      'find',
      'SELECT payload FROM payload WHERE type = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())',
      [this.model, id],
    ));
  }

  async findByUid(uid) {
    return payloadOf(await run(
      'find_by_uid',
      'SELECT payload FROM payload WHERE type = $1 AND uid = $2 AND (expires_at IS NULL OR expires_at > now())',
      [this.model, uid],
    ));
  }

  async consume(id) {
    await run(
      'consume',
      `UPDATE payload SET payload = payload || jsonb_build_object('consumed', extract(epoch FROM now())::bigint)
       WHERE type = $1 AND id = $2`,
      [this.model, id],
    );
  }

  async destroy(id) {
    await run('destroy', 'DELETE FROM payload WHERE type = $1 AND id = $2', [this.model, id]);
  }

  async revokeByGrantId(grantId) {
    await run('revoke', 'DELETE FROM payload WHERE grant_id = $1 AND type = $2', [grantId, this.model]);
  }
}

export const adapter = PostgresAdapter;
