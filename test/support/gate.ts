/** A promise that the test opens, to hold a handler or to learn that it has begun. */
export class Gate<T = void> {
  readonly opened: Promise<T>;
  #open: (value: T) => void = () => undefined;
  #isOpen = false;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(value: T): void {
    this.#isOpen = true;
    this.#open(value);
  }
}
