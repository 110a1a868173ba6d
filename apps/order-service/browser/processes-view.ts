import { byId, make, setText } from './elements.js';
import { KeyedList, type ListItem } from './keyed-list.js';
import type { ProcessRow } from './live-view.js';

type Service = ProcessRow['service'];

const services = [
  { name: 'inventory-service', does: 'keeps the stock' },
  { name: 'order-service', does: 'takes orders, charges cards, writes to customers' },
] as const satisfies readonly { readonly name: Service; readonly does: string }[];

/** The processes of the demo, with buttons that kill and start them. Hidden outside of the demo. */
export class ProcessesView {
  readonly #done = byId('done');
  readonly #lists = new Map<Service, KeyedList<ProcessRow>>();

  constructor() {
    for (const { name, does } of services) byId('services-list').append(this.#service(name, does));
    byId('poison').addEventListener('click', () => {
      void this.#ask('POST', 'poison', 'A message that nobody can handle is on its way.');
    });
  }

  show(processes: readonly ProcessRow[] | undefined): void {
    byId('services').hidden = processes === undefined;
    for (const [name, list] of this.#lists) {
      list.show((processes ?? []).filter(({ service }) => service === name));
    }
  }

  #service(name: Service, does: string): HTMLElement {
    const list = make('ul');
    const start = make('button', { text: `Start ${name}` });
    start.type = 'button';
    start.addEventListener('click', () => {
      setText(this.#done, `Starting ${name} …`);
      void this.#ask('POST', `processes/${name}`, `${name} is started.`);
    });
    this.#lists.set(
      name,
      new KeyedList<ProcessRow>(list, {
        keyOf: ({ pid }) => String(pid),
        makeItem: (row) => this.#process(row, start),
        empty: make('li', { class: 'empty', text: 'No process is running: messages wait.' }),
      }),
    );
    const title = make('h3', { text: `${name} ` });
    title.append(make('small', { text: does }));
    return make('div', { class: 'service' }, title, list, start);
  }

  #process(row: ProcessRow, start: HTMLElement): ListItem<ProcessRow> {
    const { service, pid, servesPage } = row;
    const element = make('li');
    if (pid === undefined) {
      element.append('starting …');
      return { element, update: () => undefined };
    }
    element.append(make('span', { text: `pid ${pid}${servesPage ? ' serves this page' : ''}` }));
    if (!servesPage) {
      const kill = make('button', { class: 'danger', text: `kill -9 ${pid}` });
      kill.type = 'button';
      kill.setAttribute('aria-label', `kill -9 ${pid}: ${service}`);
      kill.addEventListener('click', () => void this.#kill(row, kill, start));
      element.append(kill);
    }
    return { element, update: () => undefined };
  }

  async #kill({ service, pid }: ProcessRow, button: HTMLElement, next: HTMLElement): Promise<void> {
    if (button.ariaDisabled === 'true') return;
    button.ariaDisabled = 'true';
    // The button goes with the process.
    next.focus();
    const done = `${service} (pid ${pid}) is killed.`;
    if (!(await this.#ask('DELETE', `processes/${pid}`, done))) button.ariaDisabled = null;
  }

  /** Shows the outcome. Resolves with whether it was done. */
  async #ask(method: string, path: string, done: string): Promise<boolean> {
    try {
      const response = await fetch(`/demo/${path}`, { method });
      setText(this.#done, response.ok ? done : await reasonOf(response));
      return response.ok;
    } catch (error) {
      setText(this.#done, `order-service did not answer: ${String(error)}`);
      return false;
    }
  }
}

async function reasonOf(response: Response): Promise<string> {
  const { message } = (await response.json()) as { message: string };
  return `That was refused: ${message}`;
}
