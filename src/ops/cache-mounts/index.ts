export { cachesToExport, exportCaches, type ExportCachesOptions } from './export.ts';
export { importCaches, type ImportCachesOptions } from './import.ts';
export { listCacheMounts, sizeOfCacheMount, type CacheMount } from './list.ts';
export { removeCacheMounts } from './remove.ts';
