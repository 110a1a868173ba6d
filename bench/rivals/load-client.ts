import { loadPackage } from '@nestjs/common/internal.js';

/**
 * Loads a client for Nest, which is installed one folder up and would look for it there: what is loaded already it does
 * not look for.
 */
export async function loadClient(name: string, load: () => Promise<unknown>): Promise<void> {
  await loadPackage(name, 'bench', load);
}
