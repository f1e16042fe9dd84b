/** What is too wide for its place scrolls; by keyboard too, for which it has to take the focus, but only while it scrolls. */
export function scrollableByKeyboard(boxes: Iterable<Element>): void {
  const observer = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      // The box itself, or what is in it and grew.
      const box = target.closest(".scroll") ?? target;
      const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
      if (scrolls) box.setAttribute("tabindex", "0");
      else box.removeAttribute("tabindex");
    }
  });
  for (const box of boxes) {
    observer.observe(box);
    for (const content of box.children) observer.observe(content);
  }
}
