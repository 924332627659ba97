/*
 * The scanner against json-c: what the scanner accepts json-c must read, and what the scanner refuses
 * because of its structure json-c's strict mode must refuse too. (In the rest, text inside strings,
 * numbers, words and our limits, json-c is known to be lax.)
 */
#include "base/jscan.h"
#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const structure[] = { "',' or ", "':' expected", "a comma ", "data after " };
	struct json_tokener *tok = json_tokener_new_ex(JSCAN_MAX_DEPTH + 2);
	struct jscan_query q = { .path = CFG_CHILD(CFG_ENTRY(CFG_CHILD(NULL, "a"), 1), "b"), .key = true };
	struct jscan_fault fault = { .why = "" };
	char *text = calloc(1, size + 1); /* json-c ends a number only at the next byte */

	if (!tok || !text || size > INT32_MAX / 2)
		abort();
	memcpy(text, data, size);
	int r = jscan_check(text, size, &fault);
	json_tokener_set_flags(tok, r == 0 ? 0 : JSON_TOKENER_STRICT);
	struct json_object *o = json_tokener_parse_ex(tok, text, (int)size + 1);
	bool read = json_tokener_get_error(tok) == json_tokener_success;

	if (r == 0 && (!read || jscan_locate(text, size, &q, 1) < 0 || q.off > size))
		abort();
	if (r < 0 && (r != -EBADMSG || fault.off > size || !fault.why[0]))
		abort();
	for (size_t i = 0; r < 0 && read && !memchr(text, 0, size) && i < 4; i++)
		if (strncmp(fault.why, structure[i], strlen(structure[i])) == 0)
			abort();
	json_object_put(o);
	json_tokener_free(tok);
	free(text);
	return 0;
}
