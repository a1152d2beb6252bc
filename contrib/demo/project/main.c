#include "tally.h"

#include <stdio.h>

int main(void)
{
	struct tally t = { 0 };
	char data[4096];
	size_t n;
	while ((n = fread(data, 1, sizeof data, stdin)) > 0)
		tally_add(&t, data, n);
	printf("%zu lines, %zu words, %zu bytes\n", t.lines, t.words, t.bytes);
	return ferror(stdin) ? 1 : 0;
}
