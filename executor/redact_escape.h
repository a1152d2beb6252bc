/* Terminal escape sequences, which a secret's letters may have between them. */
#ifndef EXECUTOR_REDACT_ESCAPE_H
#define EXECUTOR_REDACT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum { ESCAPE_MAX = 256 }; /* a longer one is not taken for one */

struct escape {
	size_t n; /* its bytes, ESC included */
	bool csi; /* a control sequence: no text within */
	bool sgr; /* one of colour, which has to survive */
};

/*
 * The sequence that begins with the ESC at s[0]; n >= 1 bytes are there. CSI, OSC, DCS, SOS, PM, APC
 * and the short ones. What is longer than ESCAPE_MAX is two bytes long and then text. One that is
 * broken off by another ESC or by a byte that cannot be in it ends before that byte. False: more
 * bytes are needed to tell, and last says that none will come, then never.
 */
bool escape_parse(const unsigned char *s, size_t n, bool last, struct escape *ret)
	__attribute__((nonnull, warn_unused_result));

#endif
