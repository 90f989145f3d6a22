// Runs before the page is drawn, so that it never flashes in the other theme.
(function () {
  var choice = null;
  try {
    choice = localStorage.getItem("traceway-theme");
  } catch (_) {}
  var light = choice === "light" || (choice !== "dark" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
