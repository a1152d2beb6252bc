/* An archive of any bytes: unpacking ends, leaks nothing and touches nothing outside of its directory. */
#include "base/fd.h"
#include "executor/archive_unpack.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char top[] = "/tmp/courser-archive-fuzz-XXXXXX";
static int dir = -1;

static void end(void)
{
	struct err e = { 0 };
	(void)!fd_remove_tree(AT_FDCWD, top, &e);
}

static void begin(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	if (!mkdtemp(top) || (dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		abort();
	atexit(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct archive_limits limits = { 200, 1 << 20, 1000, 1 << 20 };
	struct archive_unpacked u;
	struct err e = { 0 };
	struct stat st;
	if (dir < 0)
		begin();
	autofd in = memfd_create("archive", MFD_CLOEXEC);
	autofd tree = fd_mkdir_open(dir, "tree", 0755, &e);
	if (in < 0 || tree < 0 || fd_write_all(in, data, n, &e) < 0)
		abort();
	if (archive_unpack(in, tree, &limits, &u, &e) < 0 && (!e.code || !e.msg[0]))
		abort();
	if (fd_remove_tree(dir, "tree", &e) < 0)
		abort();
	if (fstat(dir, &st) < 0 || st.st_nlink != 2) /* a directory beside the tree */
		abort();
	return 0;
}
