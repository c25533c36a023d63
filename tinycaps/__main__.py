"""`python -m tinycaps`: what this machine has, and what there is to run."""
from .environment import environment, sgemm_rate

DEMOS = (
    ("capsnet", "train CapsNet on real digits: learning curves, reconstructions, what each pose dimension means"),
    ("table1", "the paper's Table 1 on MNIST: routing rounds, with and without reconstruction"),
    ("forward_forward", "layers that learn alone, without backpropagation, by their goodness on positive and negative data"),
    ("distillation", "a small network learns from the soft answers of a large one what labels do not tell"),
    ("omitted_digit", "a student that was never shown a 3 knows 3s, once the bias of their class is put right"),
    ("co_distillation", "ten small networks that learn from each other, and their ensemble"),
    ("mortal_computation", "weights that die with their hardware, knowledge that is told to other hardware"),
    ("boat_or_house", "routing by agreement on a triangle and a rectangle"),
    ("gradient_check_tour", "every hand-derived gradient of the package held against its forward"),
    ("benchmark", "seconds, memory and GFLOP/s of a training step: plain, fast, and PyTorch if it is there"),
)


def main():
    """Print versions, devices, BLAS and its speed, and the demos."""
    found = environment()
    width = max(map(len, found))
    for name, value in found.items():
        text = ", ".join(value) if isinstance(value, list) else "not installed" if value is None else value
        print(f"{name:{width}}  {text}")
    print(f"{'sgemm':{width}}  {sgemm_rate():.0f} GFLOP/s, measured now: NumPy's product of two large float32 matrices")
    print("\nDemos, from a clone of the repository:")
    for name, about in DEMOS:
        print(f"  python -m demos.{name:20}  {about}")


if __name__ == "__main__":
    main()
