import { formatPlatform } from '../oci/index.ts';
import type { Platform } from '../oci/types.ts';

/** `linux_amd64`: the folder of one platform beside others, as BuildKit names it. */
export function platformFolder(platform: Platform): string {
  return formatPlatform(platform).replaceAll('/', '_');
}
