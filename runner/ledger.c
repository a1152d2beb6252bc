#include "runner/ledger.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define NAME "ledger.db"

enum { BUSY_MS = 200 };

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *add;
};

/* The directory is reached by an fd only: names stay relative, whatever path leads to it. */
static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int begin(struct err *e)
{
	static sqlite3_vfs here;
	if (here.zName)
		return 0;
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
	if (!usual)
		return err_set(e, ENOSYS, "ledger: SQLite has no file system");
	here = *usual;
	here.zName = "here";
	here.pNext = NULL;
	here.xFullPathname = full_name;
	return sqlite3_vfs_register(&here, 0) == SQLITE_OK ? 0
							   : err_set(e, ENOMEM, "ledger: memory");
}

static int failed(const struct ledger *l, struct err *e)
{
	int code = l->db ? sqlite3_errcode(l->db) : SQLITE_NOMEM;
	return err_set(e, code == SQLITE_FULL ? ENOSPC : EIO, "ledger: %s",
		       l->db ? sqlite3_errmsg(l->db) : "out of memory");
}

static int run(struct ledger *l, const char *sql, struct err *e)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(l, e);
}

static int number(struct ledger *l, const char *sql, uint64_t *ret, struct err *e)
{
	sqlite3_stmt *s = NULL;
	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(l, e);
	int r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	int code = r == SQLITE_ROW ? 0 : failed(l, e);
	sqlite3_finalize(s);
	return code;
}

/* --- the schema --------------------------------------------------------------------------------- */

/* What makes schema i + 1 of schema i. */
static const char *const schemas[LEDGER_SCHEMA] = {
	"CREATE TABLE jobs ("
	"name TEXT PRIMARY KEY, registration TEXT NOT NULL, project_id INTEGER NOT NULL, "
	"project TEXT NOT NULL, job_id INTEGER NOT NULL, ended_us INTEGER NOT NULL, "
	"state TEXT NOT NULL, reason TEXT NOT NULL, fault TEXT NOT NULL, "
	"exit_code INTEGER NOT NULL, total_ms INTEGER, queue_ms INTEGER, prepare_ms INTEGER, "
	"secrets_ms INTEGER, sources_ms INTEGER, steps_ms INTEGER, after_ms INTEGER, "
	"upload_ms INTEGER, cleanup_ms INTEGER) WITHOUT ROWID;"
	"CREATE INDEX jobs_ended ON jobs (ended_us);",
};

static int migrate(struct ledger *l, struct err *e)
{
	uint64_t version = 0;
	char set[64];
	if (number(l, "PRAGMA user_version", &version, e) < 0)
		return -1;
	if (version > LEDGER_SCHEMA)
		return err_set(e, ENOTSUP, "ledger: its schema %" PRIu64 " is newer than %d",
			       version, LEDGER_SCHEMA);
	for (; version < LEDGER_SCHEMA; version++) {
		snprintf(set, sizeof set, "PRAGMA user_version = %d", (int)version + 1);
		if (run(l, "BEGIN IMMEDIATE", e) < 0)
			return -1;
		if (run(l, schemas[version], e) < 0 || run(l, set, e) < 0 ||
		    run(l, "COMMIT", e) < 0)
			return -1;
	}
	return 0;
}

static const char insert[] =
	"INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (name) DO "
	"UPDATE SET state = excluded.state, reason = excluded.reason, fault = excluded.fault, "
	"exit_code = excluded.exit_code, ended_us = excluded.ended_us, "
	"total_ms = excluded.total_ms, cleanup_ms = excluded.cleanup_ms";

static int open_file(struct ledger *l, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
	if (sqlite3_open_v2(NAME, &l->db, flags, "here") != SQLITE_OK)
		return failed(l, e);
	sqlite3_busy_timeout(l->db, BUSY_MS);
	if (run(l,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -64;"
		"PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 64;"
		"PRAGMA journal_size_limit = 1048576;",
		e) < 0 ||
	    migrate(l, e) < 0)
		return -1;
	if (sqlite3_prepare_v3(l->db, insert, -1, SQLITE_PREPARE_PERSISTENT, &l->add, NULL) !=
	    SQLITE_OK)
		return failed(l, e);
	return 0;
}

/* --- opening ------------------------------------------------------------------------------------ */

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	sqlite3_finalize(l->add);
	sqlite3_close(l->db);
	free(l);
}

static bool damaged(const struct ledger *l)
{
	int code = l->db ? sqlite3_errcode(l->db) : SQLITE_OK;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

static void set_aside(void)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char from[64], to[96];
	uint64_t now = clock_wall_us() / 1000000;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		snprintf(from, sizeof from, NAME "%s", endings[i]);
		snprintf(to, sizeof to, NAME ".damaged-%" PRIu64 "%s", now, endings[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			log_error("ledger", "file", from, "err", strerror(errno), NULL);
	}
	log_error("the ledger is damaged: set aside, a new one begun", NULL);
}

static struct ledger *open_once(bool *ret_damaged, struct err *e)
{
	struct ledger *l = calloc(1, sizeof *l);
	*ret_damaged = false;
	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	if (open_file(l, e) == 0)
		return l;
	*ret_damaged = damaged(l);
	ledger_close(l);
	return NULL;
}

struct ledger *ledger_open(struct err *e)
{
	bool bad;
	if (begin(e) < 0)
		return NULL;
	struct ledger *l = open_once(&bad, e);
	if (l || !bad)
		return l;
	set_aside();
	err_clear(e);
	return open_once(&bad, e);
}

/* --- rows --------------------------------------------------------------------------------------- */

static int bind(sqlite3_stmt *s, const struct recorder_job_ended *j)
{
	static const unsigned order[] = { PHASES,        PHASE_QUEUE,   PHASE_PREPARE,
					  PHASE_SECRETS, PHASE_SOURCES, PHASE_STEPS,
					  PHASE_AFTER,   PHASE_UPLOAD,  PHASE_CLEANUP };
	const struct {
		int at;
		const char *text;
	} texts[] = { { 1, j->name },  { 2, j->registration }, { 4, j->project },
		      { 7, j->state }, { 8, j->reason },       { 9, j->fault } };
	const struct {
		int at;
		uint64_t n;
	} numbers[] = {
		{ 3, j->project_id }, { 5, j->job_id }, { 6, j->ended_us }, { 10, j->exit_code }
	};
	int bad = 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		bad |= sqlite3_bind_text(s, texts[i].at, texts[i].text, -1, SQLITE_STATIC);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		bad |= sqlite3_bind_int64(s, numbers[i].at, (sqlite3_int64)numbers[i].n);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		int at = 11 + (int)i;
		bad |= j->timed >> order[i] & 1
			       ? sqlite3_bind_int64(s, at, (sqlite3_int64)j->ms[order[i]])
			       : sqlite3_bind_null(s, at);
	}
	return bad == SQLITE_OK ? 0 : -1;
}

int ledger_add(struct ledger *l, const struct recorder_job_ended *job, struct err *e)
{
	int r = bind(l->add, job) < 0 ? SQLITE_NOMEM : sqlite3_step(l->add);
	int code = r == SQLITE_DONE ? 0 : failed(l, e);
	sqlite3_reset(l->add);
	sqlite3_clear_bindings(l->add);
	sqlite3_db_release_memory(l->db);
	return code;
}

int ledger_count(struct ledger *l, uint64_t *ret, struct err *e)
{
	return number(l, "SELECT count(*) FROM jobs", ret, e);
}
