import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** `src` and `dist` are side by side, so one path works for both. */
const service = new URL('../../', import.meta.url);
/** Files that were written by hand, and compiled scripts. */
const folders = [new URL('browser/', service), new URL('dist/browser/', service)];

/** The files of the page. Read at the start: whatever a request asks for, nothing else is ever served. */
@Injectable()
export class PageFiles implements OnModuleInit {
  readonly #files = new Map<string, PageFile>();

  async onModuleInit(): Promise<void> {
    for (const folder of folders) {
      for (const name of await readdir(folder)) {
        const type = types[extname(name)];
        if (type !== undefined) {
          this.#files.set(name, { type, content: await readFile(new URL(name, folder)) });
        }
      }
    }
  }

  find(name: string): PageFile | undefined {
    return this.#files.get(name);
  }
}
