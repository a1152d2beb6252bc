#include "executor/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct digest {
	EVP_MD_CTX *context;
	EVP_MD *kind; /* fetched once: a search at every start costs as much as a small file */
};

static int crypto(int ok, struct err *e)
{
	return ok == 1 ? 0 : err_set(e, EIO, "SHA-256: libcrypto failed");
}

struct digest *digest_new(struct err *e)
{
	struct digest *d = calloc(1, sizeof *d);
	if (d) {
		d->context = EVP_MD_CTX_new();
		d->kind = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (d && d->context && d->kind && EVP_DigestInit_ex(d->context, d->kind, NULL) == 1)
		return d;
	digest_free(d);
	err_set(e, ENOMEM, "SHA-256: libcrypto failed");
	return NULL;
}

void digest_free(struct digest *d)
{
	if (d) {
		EVP_MD_CTX_free(d->context);
		EVP_MD_free(d->kind);
	}
	free(d);
}

int digest_add(struct digest *d, const void *p, size_t n, struct err *e)
{
	return crypto(EVP_DigestUpdate(d->context, p, n), e);
}

int digest_end(struct digest *d, uint8_t ret[DIGEST_SIZE], struct err *e)
{
	if (crypto(EVP_DigestFinal_ex(d->context, ret, NULL), e) < 0)
		return -1;
	return crypto(EVP_DigestInit_ex(d->context, d->kind, NULL), e);
}

void digest_hex(const uint8_t digest[DIGEST_SIZE], char ret[DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		ret[2 * i] = digits[digest[i] >> 4];
		ret[2 * i + 1] = digits[digest[i] & 15];
	}
	ret[2 * DIGEST_SIZE] = '\0';
}

bool digest_from_hex(const char *hex, uint8_t ret[DIGEST_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	if (strlen(hex) != DIGEST_HEX - 1 || strspn(hex, digits) != DIGEST_HEX - 1)
		return false;
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		ret[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
				   (strchr(digits, hex[2 * i + 1]) - digits));
	return true;
}
