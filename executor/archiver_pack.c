/* Packing: patterns to files, files to an archive, the archive into the spool. */
#include "base/fd.h"
#include "base/str.h"
#include "executor/archive.h"
#include "executor/archiver.h"
#include "executor/file_pick.h"
#include "executor/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SUBJECTS_BYTES = 256 << 20, NAME_BYTES = 256 };

struct packing {
	struct file_pick pick;
	enum archive_format format;
	struct spool_writer spool;
	struct buf subjects; /* of the provenance */
	struct archiver_result result;
};

/* --- the archive -------------------------------------------------------------------------------- */

static int add_subject(struct packing *k, const char *path, const uint8_t *digest, struct err *e)
{
	char hex[DIGEST_HEX];
	digest_hex(digest, hex);
	if (buf_str(&k->subjects, k->subjects.len ? ",{\"name\":" : "{\"name\":", e) < 0 ||
	    str_json(&k->subjects, path, strlen(path), e) < 0)
		return -1;
	return buf_printf(&k->subjects, e, ",\"digest\":{\"sha256\":\"%s\"}}", hex);
}

/* in-toto Statement v1 around SLSA's provenance v1. */
static int add_statement(struct packing *k, struct archive_writer *w, struct err *e)
{
	char name[NAME_BYTES];
	struct buf text = BUF(SUBJECTS_BYTES);
	snprintf(name, sizeof name, "%.200s-metadata.json", k->pick.p.name);
	int r = buf_str(&text, "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[", e);
	if (r == 0)
		r = buf_add(&text, buf_cstr(&k->subjects), k->subjects.len, e);
	if (r == 0)
		r = buf_printf(&text, e,
			       "],\"predicateType\":\"https://slsa.dev/provenance/v1\","
			       "\"predicate\":%s}\n",
			       k->pick.p.predicate);
	if (r == 0)
		r = archive_writer_bytes(w, name, text.p, text.len, e);
	buf_done(&text);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

static bool has_statement(const struct packing *k)
{
	return k->pick.p.predicate[0] && k->format == ARCHIVE_ZIP;
}

static int add_one(struct packing *k, struct archive_writer *w, const char *path, struct err *e)
{
	uint8_t digest[DIGEST_SIZE] = { 0 };
	struct err why = { 0 };
	uint64_t before, after, bytes;
	archive_writer_count(w, &before, &bytes);
	int r = archive_writer_add(w, k->pick.list.tree, path, digest, &why);
	archive_writer_count(w, &after, &bytes);
	if (r > 0)
		return archiver_say(k->pick.sock, SAY_WARNING, e, "WARNING: left out: %s", why.msg);
	if (r < 0) {
		*e = why;
		return -1;
	}
	return after > before && has_statement(k) ? add_subject(k, path, digest, e) : 0;
}

static int write_all(struct packing *k, struct archive_writer *w, struct err *e)
{
	for (size_t i = 0; i < k->pick.list.n; i++)
		if (add_one(k, w, k->pick.list.paths[i], e) < 0)
			return -1;
	if (has_statement(k) && add_statement(k, w, e) < 0)
		return -1;
	if (archive_writer_end(w, e) < 0)
		return -1;
	archive_writer_count(w, &k->result.files, &k->result.bytes);
	k->result.size = k->spool.size;
	return spool_end(&k->spool, e);
}

static int write_archive(struct packing *k, struct err *e)
{
	struct archive_options o = { k->format, k->pick.p.level, { spool_write, &k->spool } };
	struct archive_writer *w = archive_writer_new(&o, e);
	int r = w ? write_all(k, w, e) : -1;
	archive_writer_free(w);
	return r;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int prepare(struct packing *k, int parcel, struct err *e)
{
	if (file_pick_read(&k->pick, parcel, e) < 0)
		return -1;
	k->spool.limit = k->pick.p.limit;
	if (!archive_format_named(k->pick.p.format, &k->format))
		return err_set(e, EINVAL, "artifact format \"%.40s\" is not known",
			       k->pick.p.format);
	k->pick.files_only = k->format == ARCHIVE_GZIP || k->format == ARCHIVE_RAW;
	return file_pick_find(&k->pick, e);
}

static int pack(struct packing *k, int parcel, struct err *e)
{
	if (prepare(k, parcel, e) < 0 || archiver_found(k->pick.sock, k->pick.list.n, e) < 0)
		return -1;
	return k->pick.list.n ? write_archive(k, e) : 0;
}

int archiver_pack(int sock, int parcel, int spool, int pipe, struct err *e)
{
	struct packing k = {
		.spool = { .fd = spool, .pipe = pipe },
		.subjects = BUF(SUBJECTS_BYTES),
	};
	struct err why = { 0 };
	file_pick_init(&k.pick, sock, "artifact");
	int r = pack(&k, parcel, &why);
	int sent = r < 0 ? archiver_failed(sock, &why, e) : archiver_done(sock, &k.result, e);
	file_pick_done(&k.pick);
	buf_done(&k.subjects);
	return sent;
}
