/* Packing: patterns to files, files to an archive, the archive into the spool. */
#include "base/fd.h"
#include "executor/archive.h"
#include "executor/archiver.h"
#include "executor/file_list.h"
#include "executor/git_tree.h"
#include "executor/git_untracked.h"
#include "executor/parcel.h"
#include "executor/spool.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ARENA_BYTES = 256 << 20, SUBJECTS_BYTES = 256 << 20, NAME_BYTES = 256 };

struct packing {
	int sock;
	struct arena a;
	struct parcel p;
	enum archive_format format;
	struct file_list list;
	struct spool_writer spool;
	size_t untracked;
	struct buf subjects; /* of the provenance */
	struct archiver_result result;
};

/* --- which files -------------------------------------------------------------------------------- */

static int say_bad_pattern(struct packing *k, const char *path, const struct err *why,
			   struct err *e)
{
	if (why->code == EXDEV)
		return archiver_say(
			k->sock, SAY_WARNING, e,
			"WARNING: artifact path is not a subpath of project directory: %s", path);
	return archiver_say(k->sock, SAY_WARNING, e, "WARNING: %s: %s", path, why->msg);
}

static int say_found(struct packing *k, const char *path, const struct file_found *f, struct err *e)
{
	if (f->unreadable &&
	    archiver_say(k->sock, SAY_WARNING, e,
			 "WARNING: %s: %zu directories cannot be read and are left out (%s)", path,
			 f->unreadable, f->first) < 0)
		return -1;
	if (f->found)
		return archiver_say(k->sock, SAY_PLAIN, e,
				    "%s: found %zu matching artifact files and directories", path,
				    f->found);
	return archiver_say(k->sock, SAY_WARNING, e,
			    "WARNING: %s: no matching files. Ensure that the artifact path is "
			    "relative to the working directory (%s)",
			    path, k->p.tree);
}

static int add_path(struct packing *k, const char *path, struct err *e)
{
	struct glob g;
	struct err why = { 0 };
	struct file_found found = { 0 };
	if (glob_compile(&g, path, k->p.tree, &k->a, &why) < 0)
		return say_bad_pattern(k, path, &why, e);
	if (file_list_glob(&k->list, &g, &found, e) < 0)
		return err_wrap(e, "%.100s", path);
	return say_found(k, path, &found, e);
}

static int add_untracked(void *packing, const char *path, struct err *e)
{
	struct packing *k = packing;
	int r = file_list_add(&k->list, path, e);
	k->untracked += r > 0;
	return r < 0 ? -1 : 0;
}

static int find_untracked(struct packing *k, struct err *e)
{
	struct err why = { 0 };
	if (git_untracked(k->list.tree, k->p.tree, add_untracked, k, &why) < 0)
		return archiver_say(k->sock, SAY_WARNING, e, "WARNING: untracked: %s", why.msg);
	return archiver_say(k->sock, SAY_PLAIN, e, "untracked: found %zu files", k->untracked);
}

static int compile_excludes(struct packing *k, struct err *e)
{
	k->list.excludes = arena_array(&k->a, k->p.nexcludes + 1, sizeof *k->list.excludes, e);
	if (!k->list.excludes)
		return -1;
	for (size_t i = 0; i < k->p.nexcludes; i++) {
		struct err why = { 0 };
		struct file_exclude *x = &k->list.excludes[k->list.nexcludes];
		if (glob_compile(&x->pattern, k->p.excludes[i], k->p.tree, &k->a, &why) == 0)
			k->list.nexcludes++;
		else if (say_bad_pattern(k, k->p.excludes[i], &why, e) < 0)
			return -1;
	}
	return 0;
}

static int say_excluded(struct packing *k, struct err *e)
{
	for (size_t i = 0; i < k->list.nexcludes; i++) {
		const struct file_exclude *x = &k->list.excludes[i];
		if (x->kept_out && archiver_say(k->sock, SAY_PLAIN, e, "%s: excluded %zu files",
						x->pattern.text, x->kept_out) < 0)
			return -1;
	}
	return 0;
}

/* Formats that hold nothing but files' bytes. */
static void keep_files_only(struct packing *k)
{
	size_t n = 0;
	struct stat st;
	if (k->format != ARCHIVE_GZIP && k->format != ARCHIVE_RAW)
		return;
	for (size_t i = 0; i < k->list.n; i++)
		if (fstatat(k->list.tree, k->list.paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			k->list.paths[n++] = k->list.paths[i];
	k->list.n = n;
}

static int find_files(struct packing *k, struct err *e)
{
	if (compile_excludes(k, e) < 0)
		return -1;
	for (size_t i = 0; i < k->p.npaths; i++)
		if (add_path(k, k->p.paths[i], e) < 0)
			return -1;
	if (k->p.untracked && find_untracked(k, e) < 0)
		return -1;
	file_list_sort(&k->list);
	keep_files_only(k);
	return say_excluded(k, e);
}

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
	snprintf(name, sizeof name, "%.200s-metadata.json", k->p.name);
	int r = buf_str(&text, "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[", e);
	if (r == 0)
		r = buf_add(&text, buf_cstr(&k->subjects), k->subjects.len, e);
	if (r == 0)
		r = buf_printf(&text, e,
			       "],\"predicateType\":\"https://slsa.dev/provenance/v1\","
			       "\"predicate\":%s}\n",
			       k->p.predicate);
	if (r == 0)
		r = archive_writer_bytes(w, name, text.p, text.len, e);
	buf_done(&text);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

static bool has_statement(const struct packing *k)
{
	return k->p.predicate[0] && k->format == ARCHIVE_ZIP;
}

static int add_one(struct packing *k, struct archive_writer *w, const char *path, struct err *e)
{
	uint8_t digest[DIGEST_SIZE] = { 0 };
	struct err why = { 0 };
	uint64_t before, after, bytes;
	archive_writer_count(w, &before, &bytes);
	int r = archive_writer_add(w, k->list.tree, path, digest, &why);
	archive_writer_count(w, &after, &bytes);
	if (r > 0)
		return archiver_say(k->sock, SAY_WARNING, e, "WARNING: left out: %s", why.msg);
	if (r < 0) {
		*e = why;
		return -1;
	}
	return after > before && has_statement(k) ? add_subject(k, path, digest, e) : 0;
}

static int write_all(struct packing *k, struct archive_writer *w, struct err *e)
{
	for (size_t i = 0; i < k->list.n; i++)
		if (add_one(k, w, k->list.paths[i], e) < 0)
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
	struct archive_options o = { k->format, k->p.level, { spool_write, &k->spool } };
	struct archive_writer *w = archive_writer_new(&o, e);
	int r = w ? write_all(k, w, e) : -1;
	archive_writer_free(w);
	return r;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int read_parcel(struct packing *k, int fd, struct err *e)
{
	autobuf text = BUF(PARCEL_BYTES_MAX);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "parcel");
	if (fd_read_all(fd, &text, e) < 0 || parcel_read(buf_cstr(&text), &k->a, &k->p, e) < 0)
		return -1;
	k->spool.limit = k->p.limit;
	if (!archive_format_named(k->p.format, &k->format))
		return err_set(e, EINVAL, "artifact format \"%.40s\" is not known", k->p.format);
	return 0;
}

static int pack(struct packing *k, int parcel, struct err *e)
{
	if (read_parcel(k, parcel, e) < 0)
		return -1;
	k->list.tree = git_tree_open(k->p.tree, e);
	if (k->list.tree < 0 || find_files(k, e) < 0 || archiver_found(k->sock, k->list.n, e) < 0)
		return -1;
	return k->list.n ? write_archive(k, e) : 0;
}

int archiver_pack(int sock, int parcel, int spool, int pipe, struct err *e)
{
	struct packing k = {
		.sock = sock,
		.a = ARENA(ARENA_BYTES),
		.spool = { .fd = spool, .pipe = pipe },
		.subjects = BUF(SUBJECTS_BYTES),
	};
	struct err why = { 0 };
	file_list_init(&k.list);
	int r = pack(&k, parcel, &why);
	int sent = r < 0 ? archiver_failed(sock, &why, e) : archiver_done(sock, &k.result, e);
	fd_close(&k.list.tree);
	file_list_done(&k.list);
	buf_done(&k.subjects);
	arena_done(&k.a);
	return sent;
}
