"""`python -m tinycaps`: what this machine has, and what there is to run."""
from .environment import environment

DEMOS = (
    ("capsnet", "train CapsNet on real digits: learning curves, reconstructions, what each pose dimension means"),
    ("boat_or_house", "routing by agreement on a triangle and a rectangle"),
    ("gradient_check_tour", "every hand-derived gradient of the package held against its forward"),
)


def main():
    """Print versions, devices, BLAS, and the demos."""
    found = environment()
    width = max(map(len, found))
    for name, value in found.items():
        text = ", ".join(value) if isinstance(value, list) else "not installed" if value is None else value
        print(f"{name:{width}}  {text}")
    print("\nDemos, from a clone of the repository:")
    for name, about in DEMOS:
        print(f"  python -m demos.{name:20}  {about}")


if __name__ == "__main__":
    main()
