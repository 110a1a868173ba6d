import { loadPackage } from '@nestjs/common/internal.js';

/**
 * Loads a client for Nest. Nest is installed one folder up and would look for the client there, unless it is already
 * loaded.
 */
export async function loadClient(name: string, load: () => Promise<unknown>): Promise<void> {
  await loadPackage(name, 'bench', load);
}
