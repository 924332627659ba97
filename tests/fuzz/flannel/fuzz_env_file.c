/* subnet.env as anybody may have edited it: what was understood survives being written and read. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "flannel/env_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(.max = 4096);
	struct env_file env, again;

	env_file_parse((const char *)data, size, &env);
	if (env_file_format(&env, &b) == 0) {
		env_file_parse(buf_str(&b), b.n, &again);
		if (again.mtu != env.mtu || again.ip_masq != env.ip_masq ||
		    (ipnet_is_set(&env.network) && !ipnet_equal(&again.subnet, &env.subnet)))
			abort();
	}
	buf_done(&b);
	return 0;
}
