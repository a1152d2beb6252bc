/* Stands in for a fuzzer: gives every file named, and every file in a directory named, to the target
 * once. A target that finds something wrong aborts. */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { INPUT_MAX = 16 << 20 };

static int replay_file(int dir, const char *name, struct err *e)
{
	autobuf b = BUF(INPUT_MAX);
	autofd fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "%s", name);
	if (fd_read_all(fd, &b, e) < 0)
		return err_wrap(e, "%s", name);
	return LLVMFuzzerTestOneInput((const uint8_t *)buf_cstr(&b), b.len);
}

static int replay(const char *path, unsigned *count, struct err *e)
{
	DIR *d = opendir(path);
	if (!d && errno == ENOTDIR) {
		++*count;
		return replay_file(AT_FDCWD, path, e);
	}
	if (!d)
		return err_sys(e, "%s", path);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;) {
		if (de->d_name[0] == '.')
			continue;
		++*count;
		r = replay_file(dirfd(d), de->d_name, e);
	}
	closedir(d);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	unsigned count = 0;
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i], &count, &e) == 0)
			continue;
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	printf("%u\n", count);
	return count ? 0 : 1;
}
