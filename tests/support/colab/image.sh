# Run every notebook from its first cell to its last in the image that Colab publishes,
# each in a fresh container, as a reader would. List those that fail.
#
#     bash tests/support/colab/image.sh
set -eu
image=us-docker.pkg.dev/colab-images/public/runtime
docker pull --quiet "$image"

failed=()
count=0
for notebook in notebooks/*/*/*.ipynb; do
  echo "$notebook"
  count=$((count + 1))
  docker run --rm --entrypoint python3 \
    --volume "$PWD/$notebook:/book/notebook.ipynb:ro" "$image" \
    -m nbconvert --to notebook --execute --output-dir /tmp \
    --ExecutePreprocessor.timeout=600 --log-level=ERROR /book/notebook.ipynb ||
    failed+=("$notebook")
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "${#failed[@]} of $count notebooks failed in Colab's image:"
  printf '%s\n' "${failed[@]}"
  exit 1
fi
echo "All $count notebooks passed."
